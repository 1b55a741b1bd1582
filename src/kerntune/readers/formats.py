"""Formats of known benchmark programs as tables: each metric's pattern, unit and direction.

The patterns were written against output of pgbench 15.18, ab 2.3, wrk 4.1.0 and sysbench 1.0.20.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kerntune.model.plan import Direction
from kerntune.readers.text import Matches

NUMBER = r"([-+]?[0-9.]+(?:e[-+]?\d+)?|[-+]?nan|[-+]?inf)"
SECONDS_TO_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
WRK_BYTES_TO_MB = {"": 1 / 2**20, "K": 2**-10, "M": 1.0, "G": 2.0**10, "T": 2.0**20, "P": 2.0**30}


@dataclass(frozen=True, slots=True)
class Known:
    """A metric's unit and direction as its format defines them."""

    unit: str
    direction: Direction


def more(unit: str) -> Known:
    """Returns a metric of which more is better."""
    return Known(unit, Direction.MAXIMIZE)


def less(unit: str) -> Known:
    """Returns a metric of which less is better."""
    return Known(unit, Direction.MINIMIZE)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a metric stands: a pattern whose first group is the number, the second, if any, its scale.

    `absent` is what a report means that does not mention it (no error line: no errors).
    """

    known: Known
    pattern: str
    scale: Mapping[str, float] = field(default_factory=dict)
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A program's format. `whole` matches only a report that came to its end."""

    entries: Mapping[str, Entry]
    whole: str

    def __call__(self, text: str, name: str) -> Matches:
        """Returns every match of a metric; none where the format does not know it."""
        entry = self.entries.get(name)
        if entry is None or not re.search(self.whole, text, re.MULTILINE):
            return ()
        found = [_scaled(match, entry.scale) for match in re.finditer(entry.pattern, text, re.MULTILINE)]
        return found or ([entry.absent] if entry.absent else [])


def _scaled(match: re.Match[str], scale: Mapping[str, float]) -> str:
    if not scale:
        return match[1]
    try:
        return repr(float(match[1]) * scale[match[2]])
    except ValueError:
        return match[0]


def _percentile(share: int, pattern: str, scale: Mapping[str, float]) -> tuple[str, Entry]:
    return f"p{share}", Entry(less("ms"), pattern, scale)


PGBENCH = Format(
    {
        # before version 14 two such lines were printed; the one with connection times is not meant
        "tps": Entry(more("1/s"), rf"^tps = {NUMBER}(?:$| \((?!including connections e))"),
        "latency_average": Entry(less("ms"), rf"^latency average = {NUMBER} ms"),
        "latency_stddev": Entry(less("ms"), rf"^latency stddev = {NUMBER} ms"),
        "transactions": Entry(more("count"), rf"^number of transactions actually processed: {NUMBER}"),
        "failed": Entry(less("count"), rf"^number of failed transactions: {NUMBER}", absent="0"),
        "initial_connection_time": Entry(less("ms"), rf"^initial connection time = {NUMBER} ms"),
    },
    whole=r"^tps = ",
)

AB = Format(
    {
        "requests_per_second": Entry(more("1/s"), rf"^Requests per second: +{NUMBER} \[#/sec\]"),
        "time_per_request": Entry(less("ms"), rf"^Time per request: +{NUMBER} \[ms\] \(mean\)$"),
        "transfer_rate": Entry(more("KB/s"), rf"^Transfer rate: +{NUMBER} \[Kbytes/sec\] received"),
        "complete_requests": Entry(more("count"), rf"^Complete requests: +{NUMBER}"),
        "failed_requests": Entry(less("count"), rf"^Failed requests: +{NUMBER}"),
        "non_2xx": Entry(less("count"), rf"^Non-2xx responses: +{NUMBER}", absent="0"),
        **dict(
            _percentile(share, rf"^ +{share}% +{NUMBER}(?: \(longest request\))?$", {})
            for share in (50, 66, 75, 80, 90, 95, 98, 99, 100)
        ),
    },
    whole=r"^Requests per second: ",
)

_WRK_LATENCY = rf"^ +Latency +{NUMBER}(us|ms|s|m|h) +"
WRK = Format(
    {
        "requests_per_second": Entry(more("1/s"), rf"^Requests/sec: +{NUMBER}"),
        "transfer_rate": Entry(more("MiB/s"), rf"^Transfer/sec: +{NUMBER}([KMGTP]?)B", WRK_BYTES_TO_MB),
        "requests": Entry(more("count"), r"^ +(\d+) requests in "),
        "latency_average": Entry(less("ms"), _WRK_LATENCY, SECONDS_TO_MS),
        "latency_max": Entry(less("ms"), rf"^ +Latency +\S+ +\S+ +{NUMBER}(us|ms|s|m|h) +", SECONDS_TO_MS),
        "non_2xx": Entry(less("count"), r"^ +Non-2xx or 3xx responses: (\d+)", absent="0"),
        **{
            f"{kind}_errors": Entry(less("count"), rf"^ +Socket errors:.* {kind} (\d+)", absent="0")
            for kind in ("connect", "read", "write", "timeout")
        },
        **dict(
            _percentile(share, rf"^ +{share}% +{NUMBER}(us|ms|s|m|h)[ \t]*$", SECONDS_TO_MS)
            for share in (50, 75, 90, 99)
        ),
    },
    whole=r"^Requests/sec: ",
)

_RATE = rf"\({NUMBER} per sec\.\)"
SYSBENCH = Format(
    {
        "events_per_second": Entry(more("1/s"), rf"^ +events per second: +{NUMBER}"),
        "total_events": Entry(more("count"), rf"^ +total number of events: +{NUMBER}"),
        "total_time": Entry(less("s"), rf"^ +total time: +{NUMBER}s"),
        "latency_min": Entry(less("ms"), rf"^ +min: +{NUMBER}"),
        "latency_average": Entry(less("ms"), rf"^ +avg: +{NUMBER}"),
        "latency_max": Entry(less("ms"), rf"^ +max: +{NUMBER}"),
        **dict(
            _percentile(share, rf"^ +{share}th percentile: +{NUMBER}", {}) for share in (50, 75, 90, 95, 99)
        ),
        "operations_per_second": Entry(more("1/s"), rf"^Total operations: \d+ \({NUMBER} per second\)"),
        "throughput": Entry(more("MiB/s"), rf"^[0-9.]+ MiB transferred \({NUMBER} MiB/sec\)"),
        "reads_per_second": Entry(more("1/s"), rf"^ +reads/s: +{NUMBER}"),
        "writes_per_second": Entry(more("1/s"), rf"^ +writes/s: +{NUMBER}"),
        "fsyncs_per_second": Entry(more("1/s"), rf"^ +fsyncs/s: +{NUMBER}"),
        "read_throughput": Entry(more("MiB/s"), rf"^ +read, MiB/s: +{NUMBER}"),
        "write_throughput": Entry(more("MiB/s"), rf"^ +written, MiB/s: +{NUMBER}"),
        "transactions_per_second": Entry(more("1/s"), rf"^ +transactions: +\d+ +{_RATE}"),
        "queries_per_second": Entry(more("1/s"), rf"^ +queries: +\d+ +{_RATE}"),
        "errors_per_second": Entry(less("1/s"), rf"^ +ignored errors: +\d+ +{_RATE}"),
    },
    whole=r"^ +execution time \(avg/stddev\): ",
)
