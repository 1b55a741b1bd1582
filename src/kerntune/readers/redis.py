"""The three formats of redis-benchmark: its full report, `--csv` and `-q`.

Metrics are named `GET.requests_per_second`; the test's name may be left out where only one was run. Written
against redis-benchmark 7.0.15; the csv of versions before 6.2 has no header and only the rate.
"""

import csv
import re
from collections.abc import Iterator

from kerntune.errors import MetricError
from kerntune.readers.formats import NUMBER, Known, less, more
from kerntune.readers.text import Matches

RATE = "requests_per_second"
_LATENCIES = ("latency_average", "latency_min", "p50", "p95", "p99", "latency_max")
METRICS: dict[str, Known] = {RATE: more("1/s"), **{name: less("ms") for name in _LATENCIES}}

_COLUMNS = {
    "rps": RATE,
    "avg_latency_ms": "latency_average",
    "min_latency_ms": "latency_min",
    "p50_latency_ms": "p50",
    "p95_latency_ms": "p95",
    "p99_latency_ms": "p99",
    "max_latency_ms": "latency_max",
}
_QUIET = re.compile(rf"^(\S.*?): {NUMBER} requests per second(?:, p50={NUMBER} msec)?\s*$")
_TITLE = re.compile(r"====== (.+) ======\s*$")
_SUMMARY = re.compile(rf"^ +throughput summary: {NUMBER} requests per second\s*$")
_LATENCY = re.compile(r"^ +" + " +".join([NUMBER] * len(_LATENCIES)) + r"\s*$")

_Found = tuple[str, str, str]  # test, metric, value as printed


def redis_benchmark(text: str, name: str) -> Matches:
    """Returns every match of `TEST.metric`, or of `metric` where one test was run.

    Raises:
        MetricError: the test's name was left out and there are several.
    """
    found = [*_csv(text), *_plain(text)]
    test, _, metric = name.rpartition(".")
    tests = sorted({one for one, known, _ in found if known == metric})
    if not test and len(tests) > 1:
        msg = f"the metric {name} was printed for {len(tests)} tests: {', '.join(tests)}"
        raise MetricError(msg, hint=f"name one: {tests[0]}.{metric}")
    return [value for one, known, value in found if known == metric and test in {"", one}]


def _csv(text: str) -> Iterator[_Found]:
    header = ["test", "rps"]
    for line in text.splitlines():
        if not line.startswith('"'):
            continue
        try:
            row = next(csv.reader([line]))
        except csv.Error:
            continue
        if row[:2] == ["test", "rps"]:
            header = row
        else:
            for column, value in zip(header[1:], row[1:], strict=False):
                if column in _COLUMNS:
                    yield row[0], _COLUMNS[column], value


def _plain(text: str) -> Iterator[_Found]:
    """Yields from the full report and from -q. Progress is overwritten in place: a line's end counts."""
    test = ""
    for line in re.split(r"\n", text):
        shown = line.rstrip("\r").rpartition("\r")[2]
        if title := _TITLE.search(shown):
            test = title[1]
        elif quiet := _QUIET.match(shown):
            yield quiet[1], RATE, quiet[2]
            if quiet[3]:
                yield quiet[1], "p50", quiet[3]
        elif summary := _SUMMARY.match(shown):
            yield test, RATE, summary[1]
        elif latency := _LATENCY.match(shown):
            for name, value in zip(_LATENCIES, latency.groups(), strict=True):
                yield test, name, value
