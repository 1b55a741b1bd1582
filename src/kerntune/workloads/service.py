"""The workload service: the user's own service, which runs already; it is attached to and never started."""

import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from kerntune.errors import MetricError, RunFailed, WorkloadError
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, choose, read
from kerntune.workloads.attach import Attached, ByPid, ByUnit, ByUrl
from kerntune.workloads.figures import MetricOption, argv, distinct
from kerntune.workloads.options import Options, check
from kerntune.workloads.scrape import Scrape, mean, quantile, rate, scrapes

_PROBE = Path(__file__).with_name("load") / "probe.py"
_POLL_S = 0.1


def _words(command: object) -> tuple[str, ...]:
    return argv(command) if command else ()


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        msg = "should be like http://127.0.0.1:8080/path"
        raise ValueError(msg)
    _ = parts.port  # raises ValueError where it is no number
    return url


class ServiceMetric(MetricOption):
    """One metric. Of a metrics page it says how it is read; without `read` its type on the page decides."""

    read: Literal["", "rate", "mean", "quantile"] = ""
    quantile: float = Field(0.99, gt=0.0, lt=1.0)


class ServiceOptions(Options):
    """Which service is meant, how it is measured, for how long, and what makes it take a config in."""

    pid: int | None = Field(None, ge=1)
    unit: str = Field("", max_length=256, pattern=r"^([^-\s][^\s]*)?$")
    url: Annotated[str, BeforeValidator(_web_address)] = ""
    metrics_url: Annotated[str, BeforeValidator(_web_address)] = ""
    command: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    reader: str = "lines"
    metrics: list[ServiceMetric] = Field(default_factory=list, max_length=100)
    rate: float = Field(100.0, ge=0.0, le=1e6)
    clients: int = Field(4, ge=1, le=256)
    duration_s: float = Field(5.0, gt=0.0, le=3600.0)
    restart: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    timeout_s: float = Field(60.0, gt=0.0, le=86_400.0)

    @field_validator("reader")
    @classmethod
    def _is_known(cls, reader: str) -> str:
        if reader not in READERS:
            msg = f"unknown reader; there are {', '.join(READERS)}"
            raise ValueError(msg)
        return reader

    @field_validator("metrics")
    @classmethod
    def _are_distinct(cls, metrics: list[ServiceMetric]) -> list[ServiceMetric]:
        return distinct(metrics)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        named = (self.pid, self.unit, self.url)
        figures = bool(self.metrics_url or self.command)
        problems = {
            "name the service by exactly one of pid, unit and url": sum(map(bool, named)) != 1,
            "measure by metrics_url or by command, not by both": bool(self.metrics_url and self.command),
            "name the metrics to read": figures and not self.metrics,
            "without metrics_url and command, name a url to ask": not (figures or self.url),
            "metrics are those of metrics_url or of command": bool(self.metrics) and not figures,
            "a restart changes the pid: name the unit or the url": bool(self.pid and self.restart),
        }
        found = [problem for problem, is_there in problems.items() if is_there]
        if found:
            raise ValueError("; ".join(found))
        return self


class Service:
    """Your own running service: its own metrics, a command that drives load, or answers to our requests.

    The service is named by `pid`, `unit` (systemd) or `url`, and must be the same process before and after a
    run. What is measured: `metrics_url` (a page in Prometheus' text format, read over `duration_s` seconds: a
    counter's rate, a gauge's mean, a histogram's quantile), or what `command` prints, or else the latency of
    GETs to `url`, `rate` a second. `restart` is run before each run, for what acts only on new sockets and
    memory; without it the service goes on as it is.
    """

    name = "service"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        given = options or {}
        reader = "prometheus" if given.get("metrics_url") else given.get("reader", "lines")
        self._options = check(ServiceOptions, given, self.name, context=reader)

    @property
    def longest_s(self) -> float:
        """What the user allows a run."""
        return max(self._options.timeout_s, 2 * self._options.duration_s + 10.0)

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the metrics that the user named, or those of the requests."""
        if self._options.metrics:
            return tuple(wanted.spec for wanted in self._wanted())
        return (
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE),
            MetricSpec("p50_latency", "ms", Direction.MINIMIZE),
            MetricSpec("requests", "1/s", Direction.MAXIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Measures the service once and returns the metrics.

        Raises:
            RunFailed: it does not run, was started anew during the run, or the load fails or is late.
            MetricError: a figure is missing, ambiguous or not finite.
        """
        deadline = monotonic() + deadline_s
        if place.link is not None:
            msg = "the service runs outside the sandbox"
            raise RunFailed(msg, kind="exit", hint="measure it with --target host")
        service = self._attached(place)
        before = self._restarted(service, place, deadline)
        try:
            found = self._measured(place, deadline)
        except WorkloadError:
            _check_same(service, before)  # that is why it failed
            raise
        _check_same(service, before)
        return found

    def _attached(self, place: Place) -> Attached:
        options = self._options
        if options.pid:
            return ByPid(options.pid)
        return ByUnit(options.unit, place) if options.unit else ByUrl(options.url)

    def _restarted(self, service: Attached, place: Place, deadline: float) -> str:
        """Starts the service anew where it is to be, waits until it runs, and returns its identity."""
        if not self._options.restart:
            return service.identity()
        host, restart = place.hosts[0], self._options.restart
        execute(place, host, restart, deadline_s=deadline - monotonic(), privileged=True)
        while True:
            try:
                return service.identity()
            except RunFailed as error:
                if monotonic() >= deadline:
                    msg = f"the service does not run after its restart: {error}"
                    hint = "let a service manager start it: what the restart starts itself ends with it"
                    raise RunFailed(msg, kind="timeout", tail=error.tail, hint=hint) from error
            sleep(_POLL_S)

    def _measured(self, place: Place, deadline: float) -> tuple[Metric, ...]:
        options = self._options
        if options.metrics_url:
            found = scrapes(options.metrics_url, options.duration_s, deadline)
            return tuple(_figure(metric, found) for metric in options.metrics)
        reader, load = options.reader, list(options.command)
        if not load:
            settings = options.model_dump(include={"url", "rate", "clients", "duration_s"})
            told = [f"{name}={value}" for name, value in settings.items()]
            reader, load = "lines", [sys.executable, "-I", "-S", str(_PROBE), *told]
        left_s = deadline - monotonic()
        completed = execute(place, place.hosts[0], load, deadline_s=left_s, privileged=True)
        try:
            return read(READERS[reader], completed.stdout, self._wanted())
        except MetricError as error:
            raise MetricError(str(error), tail=completed.tail, hint=error.hint) from error

    def _wanted(self) -> list[Wanted]:
        options = self._options
        if not options.metrics:
            return [Wanted(spec, spec.name) for spec in self.metrics(None)]
        reader = "prometheus" if options.metrics_url else options.reader
        return [metric.wanted(reader) for metric in options.metrics]


def _figure(option: ServiceMetric, found: tuple[Scrape, ...]) -> Metric:
    """Returns a metric of the pages."""
    wanted = option.wanted("prometheus")
    how = option.read or _usual(wanted.find, found[0])
    if how == "rate":
        value = rate(found, wanted.find)
    elif how == "mean":
        value = mean(found, wanted.find)
    else:
        value = quantile(found, wanted.find, option.quantile)
    spec = wanted.spec
    if how == "rate" and value <= 0 and spec.direction is Direction.MAXIMIZE:
        msg = f"the metric {spec.name}: {wanted.find} did not grow"
        raise MetricError(msg, hint="is there load on the service?")
    shown = choose([repr(value)], spec.name)
    return Metric(spec.name, shown, spec.unit, spec.direction)


def _usual(selector: str, page: Scrape) -> str:
    """Returns how a metric of its type is read."""
    kind = page.page.type_of(selector)
    how = {"counter": "rate", "gauge": "mean", "histogram": "quantile"}.get(kind)
    if how is None:
        msg = f"{selector} is on the page {f'as {kind}' if kind else 'without a type'}"
        raise MetricError(msg, hint="say how to read it: rate, mean or quantile; is it spelt so?")
    return how


def _check_same(service: Attached, before: str) -> None:
    if service.identity() != before:
        msg = "the service was started anew during the run"
        raise RunFailed(msg, kind="exit", hint="its log may say why")
