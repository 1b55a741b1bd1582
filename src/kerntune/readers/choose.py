"""From what a program printed to metrics: each exactly once, finite, and in the unit that was asked for."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kerntune.errors import MetricError
from kerntune.interfaces import MetricSpec
from kerntune.model.measurement import Metric
from kerntune.readers import fio, formats, hackbench, perf_bench, prometheus, redis, stress_ng, text
from kerntune.readers.formats import Known
from kerntune.readers.text import Matches, Reader

READERS: Mapping[str, Reader] = {
    "lines": text.lines,
    "regex": text.regex,
    "json": text.json_path,
    "pgbench": formats.PGBENCH,
    "ab": formats.AB,
    "wrk": formats.WRK,
    "sysbench": formats.SYSBENCH,
    "redis-benchmark": redis.redis_benchmark,
    "fio": fio.fio,
    "stress-ng": stress_ng.stress_ng,
    "perf-bench": perf_bench.PERF_BENCH,
    "hackbench": hackbench.HACKBENCH,
    "prometheus": prometheus.prometheus,
}
"""Every reader by the name users give it."""

_NAMED = {"redis-benchmark": redis.METRICS, "fio": fio.METRICS, "stress-ng": stress_ng.METRICS}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric to read, and where: a label, a pattern, a path, or the name it has in a program's format."""

    spec: MetricSpec
    find: str


def read(reader: Reader, printed: str, wanted: Iterable[Wanted]) -> tuple[Metric, ...]:
    """Returns the metrics, in the order they were asked for.

    Args:
        reader: finds all matches of a metric.
        printed: what the program printed on standard output.
        wanted: the metrics, each with its unit and direction.

    Raises:
        MetricError: one is missing, stands there with different values, is not a number in its unit, or is
            not finite. The message names it, the end of the output is attached.
    """
    return tuple(
        Metric(one.spec.name, _value(reader, printed, one), one.spec.unit, one.spec.direction)
        for one in wanted
    )


def choose(matches: Matches, name: str, unit: str = "") -> float:
    """Returns the one finite number among the matches. The unit may stand behind it; no other may.

    Raises:
        MetricError: there is none, there are several different ones, or it is not a finite number.
    """
    different = sorted(set(matches), key=list(matches).index)
    if not different:
        msg = f"the metric {name} is missing"
        raise MetricError(msg, hint="does the command print it on standard output, spelt so?")
    numbers = {_number(found, name, unit) for found in different}
    if len(numbers) > 1:
        msg = f"the metric {name} is ambiguous: {_listed(different)}"
        raise MetricError(msg, hint="let the command print it once, or look for it in a narrower place")
    return numbers.pop()


def known_metrics(reader: str) -> Mapping[str, Known]:
    """Returns the metrics a reader's format defines, empty for lines, patterns and JSON.

    With redis-benchmark a test's name and a dot may stand before them, with stress-ng a stressor's, with fio
    a job's.
    """
    found = READERS.get(reader)
    if isinstance(found, formats.Format):
        return {name: entry.known for name, entry in found.entries.items()}
    return _NAMED.get(reader, {})


def known_metric(reader: str, find: str) -> Known | None:
    """Returns a metric's unit and direction if the reader's format defines it."""
    known = known_metrics(reader)
    if reader in _NAMED and find not in known:
        find = ".".join(find.split(".")[-2 if reader == "fio" else -1 :])
    return known.get(find)


def find_problem(reader: str, find: str) -> str:
    """Returns what is wrong with a place to look at, or nothing, also where the reader is not known."""
    if reader == "regex":
        problem = text.regex_problem(find)
        return f"the pattern {find!r} {problem}" if problem else ""
    if reader == "json":
        problem = text.path_problem(find)
        return f"the path {find!r} {problem}" if problem else ""
    if reader == "prometheus":
        problem = prometheus.selector_problem(find)
        return f"the selector {find!r} {problem}" if problem else ""
    if known_metrics(reader) and known_metric(reader, find) is None:
        return f"{reader} prints no {find!r}; it prints {', '.join(known_metrics(reader))}"
    return ""


def _value(reader: Reader, printed: str, one: Wanted) -> float:
    try:
        return choose(reader(printed, one.find), one.spec.name, one.spec.unit)
    except MetricError as error:
        msg = str(error) if one.spec.name in str(error) else f"the metric {one.spec.name}: {error}"
        raise MetricError(msg, tail=printed[-_TAIL:], hint=error.hint) from error


def _number(found: str, name: str, unit: str) -> float:
    bare = found.strip()
    if unit and bare.endswith(unit):
        bare = bare.removesuffix(unit).strip()
    if _NUMBER.fullmatch(bare) and math.isfinite(float(bare)):
        return float(bare)
    shown = repr(found[:60])
    if _NUMBER.fullmatch(bare) or _NOT_FINITE.fullmatch(bare):
        msg = f"the metric {name} is {shown}, which is not a finite number"
        raise MetricError(msg)
    msg = f"the metric {name} is {shown}, not a number" + (f" in {unit}" if unit else "")
    raise MetricError(msg, hint="name the unit in the metric, if one stands behind the number")


def _listed(different: Sequence[str]) -> str:
    shown = ", ".join(repr(one[:40]) for one in different[:4])
    return f"{len(different)} different values ({shown}{', …' if len(different) > 4 else ''})"
