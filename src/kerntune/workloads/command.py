"""The workload command: any program of the user's, and how its numbers are read."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from kerntune.errors import MetricError, RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, find_problem, known_metric, read
from kerntune.workloads.options import Options, check


def argv(command: object) -> tuple[str, ...]:
    """Returns a program and its arguments: a string is a command for the shell, a list is taken as it is.

    Raises:
        ValueError: it is neither, is empty, or holds what no program can be given.
    """
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        msg = "should be a command for the shell, or a list of a program and its arguments"
        raise ValueError(msg)
    if not words or not words[0].strip() or not words[-1].strip():
        msg = "is empty"
        raise ValueError(msg)
    if any("\0" in word or not _is_encodable(word) for word in words):
        msg = "holds a character that no program can be given"
        raise ValueError(msg)
    return tuple(words)


class MetricOption(Options):
    """One metric: its name, unit, direction, and where to find it if not under its name.

    What a program's format defines (unit and direction of pgbench's tps) need not be said.
    """

    name: str = Field(min_length=1, max_length=100)
    unit: str = Field("", max_length=20)
    direction: Literal["maximize", "minimize", ""] = ""
    find: str = ""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, option: object) -> object:
        return {"name": option} if isinstance(option, str) else option

    @model_validator(mode="after")
    def _can_be_read(self, info: ValidationInfo) -> Self:
        reader = str(info.context)
        problem = find_problem(reader, self.find or self.name)
        if not problem and not self.direction and known_metric(reader, self.find or self.name) is None:
            problem = "needs a direction: maximize or minimize"
        if problem:
            raise ValueError(problem)
        return self

    def wanted(self, reader: str) -> Wanted:
        """Returns the metric as readers take it."""
        known = known_metric(reader, self.find or self.name)
        unit = self.unit or (known.unit if known else "")
        direction = Direction(self.direction) if self.direction else None
        assert direction or known
        spec = MetricSpec(self.name, unit, direction or (known.direction if known else Direction.MAXIMIZE))
        return Wanted(spec, self.find or self.name)


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
        names = [metric.name for metric in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"named twice: {', '.join(twice)}"
            raise ValueError(msg)
        return metrics


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


def _is_encodable(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
