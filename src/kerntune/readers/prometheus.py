"""Prometheus' text format, as services publish it: parsed strictly, and read by a series' name and labels.

The format is that of prometheus.io/docs/instrumenting/exposition_formats (0.0.4); of OpenMetrics it knows
exemplars and `# EOF`. Names that need quotes are refused.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kerntune.errors import MetricError
from kerntune.readers.text import Matches

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*[ \t]*=[ \t]*"(?:[^"\\\n]|\\["\\n])*"'
_LABELS = rf"\{{[ \t]*(?:{_LABEL}(?:[ \t]*,[ \t]*{_LABEL})*[ \t]*,?[ \t]*)?\}}"
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[Ii]nf|[Nn]a[Nn])"
_SERIES = re.compile(rf"({_NAME})[ \t]*({_LABELS})?", re.ASCII)
_SAMPLE = re.compile(
    rf"[ \t]*({_NAME})[ \t]*({_LABELS})?[ \t]*(?<=[ \t}}])({_NUMBER})(?:[ \t]+{_NUMBER})?"
    rf"(?:[ \t]+#[ \t]+{_LABELS}[ \t]+{_NUMBER}(?:[ \t]+{_NUMBER})?)?[ \t]*",
    re.ASCII,
)
_ONE_LABEL = re.compile(_LABEL, re.ASCII)
_TYPE = re.compile(rf"#[ \t]+TYPE[ \t]+({_NAME})[ \t]+(\w+)[ \t]*", re.ASCII)
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True, slots=True)
class Series:
    """One value, and the name and labels it has."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Exposition:
    """All series of a page, and the type of each metric that tells one: "counter"."""

    series: tuple[Series, ...]
    types: Mapping[str, str]

    def select(self, selector: str) -> tuple[Series, ...]:
        """Returns the series of a name that have at least these labels: `requests_total{code="200"}`.

        Raises:
            MetricError: the selector is none.
        """
        name, labels = _selector(selector)
        return tuple(
            one for one in self.series if one.name == name and labels.items() <= dict(one.labels).items()
        )

    def type_of(self, selector: str) -> str:
        """Returns what the page says of a selector's metric: counter, gauge, …, or nothing."""
        name, _ = _selector(selector)
        return self.types.get(name) or self.types.get(name.removesuffix("_total"), "")


def parse(text: str) -> Exposition:
    """Returns the series of a page.

    Raises:
        MetricError: a line is not of the format; it is shown with its number.
    """
    series, types = [], {}
    for number, line in enumerate(text.split("\n"), start=1):  # no other character ends a line here
        bare = line.removesuffix("\r")
        if not bare.strip(" \t"):
            continue
        if bare.lstrip(" \t").startswith("#"):
            if told := _TYPE.fullmatch(bare.lstrip(" \t")):
                types[told[1]] = told[2]
            continue
        found = _SAMPLE.fullmatch(bare)
        if found is None:
            msg = f"line {number} is not of Prometheus' text format: {bare[:80]!r}"
            raise MetricError(msg, hint="does the address give metrics, and no HTML or JSON?")
        series.append(Series(found[1], _labels(found[2]), float(found[3])))
    return Exposition(tuple(series), types)


def prometheus(text: str, selector: str) -> Matches:
    """Returns the values of all series that a selector means.

    Raises:
        MetricError: the text is not of the format, or the selector is none.
    """
    return [_shown(one.value) for one in parse(text).select(selector)]


def selector_problem(selector: str) -> str:
    """Returns what is wrong with a selector, or nothing."""
    return "" if _SERIES.fullmatch(selector) else 'is not like requests_total{code="200"}'


def _selector(selector: str) -> tuple[str, dict[str, str]]:
    found = _SERIES.fullmatch(selector)
    if found is None:
        msg = f"the selector {selector!r} {selector_problem(selector)}"
        raise MetricError(msg)
    return found[1], _labels(found[2])


def _labels(text: str | None) -> dict[str, str]:
    return dict(_pairs(text or ""))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for label in _ONE_LABEL.finditer(text):
        name, _, value = label[0].partition("=")
        yield name.strip(), re.sub(r"\\.", lambda found: _ESCAPED[found[0]], value.strip()[1:-1])


def _shown(value: float) -> str:
    return repr(value) if math.isfinite(value) else str(value)
