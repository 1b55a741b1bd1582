"""The workload command: any program of the user's, and how its numbers are read."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from kerntune.errors import MetricError, RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.readers import READERS, read
from kerntune.workloads.figures import MetricOption, argv, distinct
from kerntune.workloads.options import Options, check


class CommandOptions(Options):
    """The command, the metrics it prints, the reader that finds them, and the host it runs on."""

    command: Annotated[tuple[str, ...], BeforeValidator(argv)]
    metrics: list[MetricOption] = Field(min_length=1, max_length=100)
    reader: str = "lines"
    host: str = ""
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
    def _are_distinct(cls, metrics: list[MetricOption]) -> list[MetricOption]:
        return distinct(metrics)


class Command:
    """Any command of yours that prints its figures: run once a measurement, read by the reader you name.

    Options: `command` (a string for `/bin/sh -c`, or a list of a program and its arguments), `metrics` (each
    a name, or an object with `name`, `unit`, `direction`, `find`), `reader` (`lines` unless told otherwise),
    `host` (the place's first unless told otherwise) and `timeout_s` (60 unless told otherwise). Metrics are
    read from standard output; each must stand there exactly once, or the run has failed. Whatever the command
    leaves running is ended with it.
    """

    name = "command"

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = check(CommandOptions, options, self.name, context=options.get("reader", "lines"))
        reader = self._options.reader
        self._wanted = tuple(metric.wanted(reader) for metric in self._options.metrics)

    @property
    def longest_s(self) -> float:
        """What the user allows a run."""
        return self._options.timeout_s

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the metrics that the user named; no limit of theirs is known."""
        return tuple(wanted.spec for wanted in self._wanted)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs the command once and returns its metrics.

        Raises:
            RunFailed: it exited non-zero, printed too much, or did not end in time.
            MetricError: a metric is missing, ambiguous or not finite.
        """
        host = self._options.host or place.hosts[0]
        if host not in place.hosts:
            msg = f"the command is to run on host {host!r}, and there are {', '.join(place.hosts)}"
            raise RunFailed(msg, kind="exit", hint="change the workload's option host")
        completed = execute(place, host, self._options.command, deadline_s=deadline_s, privileged=True)
        try:
            return read(READERS[self._options.reader], completed.stdout, self._wanted)
        except MetricError as error:
            raise MetricError(str(error), tail=completed.tail, hint=error.hint) from error
