"""Figures of a service's own metrics page over some seconds: rates, means and quantiles.

Each is made as Prometheus makes it (`rate`, `avg_over_time`, `histogram_quantile`), but nothing is
extrapolated, and a counter that fell is a service that was started anew, so the run has failed.
"""

import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import pairwise
from urllib.parse import urlsplit

from kerntune.errors import MetricError, RunFailed
from kerntune.readers.prometheus import Exposition, Series, parse

_PAGE_LIMIT = 32 << 20
_STARTED = "process_start_time_seconds"
_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Scrape:
    """A metrics page, and when it came, on the monotonic clock."""

    page: Exposition
    at_s: float


def scrapes(url: str, duration_s: float, deadline: float) -> tuple[Scrape, ...]:
    """Returns pages over some seconds: one each half second, the first and the last one at the ends.

    Raises:
        RunFailed: the page cannot be had, the time was up, or the service was started anew meanwhile.
        MetricError: it is not of Prometheus' text format.
    """
    found = [scrape(url, deadline)]
    until = found[0].at_s + duration_s
    while found[-1].at_s < until:
        time.sleep(max(0.0, min(_EVERY_S, until - time.monotonic())))
        found.append(scrape(url, deadline))
    starts = {one.value for each in found for one in each.page.select(_STARTED)}
    if len(starts) > len(found[0].page.select(_STARTED)):
        msg = "the service was started anew during the run"
        raise RunFailed(msg, kind="exit", hint="its log may say why")
    return tuple(found)


def scrape(url: str, deadline: float) -> Scrape:
    """Returns the page as it is now.

    Raises:
        RunFailed: it cannot be had, or the time was up.
        MetricError: it is not of Prometheus' text format.
    """
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        msg = "the time was up before the service's metrics were read"
        raise RunFailed(msg, kind="timeout")
    try:
        text = fetch(url, left_s)
    except TimeoutError as error:
        msg = f"{url} did not answer in time"
        raise RunFailed(msg, kind="timeout") from error
    except (OSError, HTTPException) as error:
        msg = f"{url} gives no metrics: {error or type(error).__name__}"
        raise RunFailed(msg, kind="exit", hint="look at it with curl") from error
    return Scrape(parse(text), time.monotonic())


def fetch(url: str, timeout_s: float) -> str:
    """Returns what an address gives. Redirections are not followed.

    Raises:
        OSError: nobody answers, or not with 200.
        HTTPException: the answer is not HTTP.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": "text/plain"})
        answer = connection.getresponse()
        if answer.status != HTTPStatus.OK:
            msg = f"the answer was {answer.status} {answer.reason}"
            raise ConnectionError(msg)
        return answer.read(_PAGE_LIMIT).decode(errors="replace")
    finally:
        connection.close()


def rate(found: tuple[Scrape, ...], selector: str) -> float:
    """Returns by how much the sum of the counters grew in a second.

    Raises:
        MetricError: there is none, or one fell.
    """
    for before, after in pairwise(found):
        _growth(before, after, selector)
    first, last = found[0], found[-1]
    return sum(_growth(first, last, selector).values()) / (last.at_s - first.at_s)


def mean(found: tuple[Scrape, ...], selector: str) -> float:
    """Returns the mean of a gauge over all pages.

    Raises:
        MetricError: it is missing on a page, or there are several.
    """
    values = []
    for each in found:
        series = each.page.select(selector)
        if len(series) != 1:
            what = "is missing" if not series else f"means {len(series)} series: name more labels"
            msg = f"{selector} {what}"
            raise MetricError(msg)
        values.append(series[0].value)
    return sum(values) / len(values)


def quantile(found: tuple[Scrape, ...], selector: str, share: float) -> float:
    """Returns a quantile of what a histogram counted meanwhile; inside a bucket it is interpolated.

    Raises:
        MetricError: there is no histogram, it counted nothing, or the quantile lies beyond its last bucket.
    """
    name, brace, labels = selector.partition("{")
    buckets: dict[float, float] = {}
    for series, grown in _growth(found[0], found[-1], f"{name}_bucket{brace}{labels}").items():
        limit = dict(series).get("le", "")
        buckets[_limit(limit, selector)] = buckets.get(_limit(limit, selector), 0.0) + grown
    limits = sorted(buckets)
    total = buckets[limits[-1]]
    if total <= 0:
        msg = f"{selector} counted nothing in the time"
        raise MetricError(msg, hint="is there load on the service?")
    return _interpolated([(limit, buckets[limit]) for limit in limits], share * total, selector)


def _interpolated(buckets: list[tuple[float, float]], rank: float, selector: str) -> float:
    below, counted = 0.0, 0.0
    for limit, count in buckets:
        if count >= rank:
            if limit == float("inf"):
                break
            low = min(below, limit)
            return low + (limit - low) * (rank - counted) / (count - counted) if count > counted else limit
        below, counted = limit, count
    msg = f"the quantile of {selector} lies beyond its largest bucket"
    raise MetricError(msg, hint="give the histogram larger buckets, or take a lower quantile")


def _limit(text: str, selector: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        msg = f"a bucket of {selector} has the limit {text!r}"
        raise MetricError(msg) from error


def _growth(before: Scrape, after: Scrape, selector: str) -> dict[frozenset[tuple[str, str]], float]:
    """Returns by how much each series of a selector grew, by its labels. One that is new grew from 0."""
    old, new = _by_labels(before.page.select(selector)), _by_labels(after.page.select(selector))
    if not new:
        msg = f"{selector} is missing"
        raise MetricError(msg, hint="look at the page with curl: is it spelt so?")
    grown = {labels: value - old.get(labels, 0.0) for labels, value in new.items()}
    if min(grown.values()) < 0 or old.keys() - new.keys():
        msg = f"{selector} fell: it is no counter, or the service was started anew"
        raise MetricError(msg)
    return grown


def _by_labels(series: tuple[Series, ...]) -> dict[frozenset[tuple[str, str]], float]:
    return {frozenset(one.labels.items()): one.value for one in series}
