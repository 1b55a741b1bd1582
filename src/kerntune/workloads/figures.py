"""What users say of a command of theirs and of the figures it gives: options that several workloads share."""

from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationInfo, model_validator

from kerntune.interfaces import MetricSpec
from kerntune.model.plan import Direction
from kerntune.readers import Wanted, find_problem, known_metric
from kerntune.workloads.options import Options

Named = TypeVar("Named", bound="MetricOption")


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


def distinct(metrics: list[Named]) -> list[Named]:
    """Returns the metrics.

    Raises:
        ValueError: two of them have the same name.
    """
    names = [metric.name for metric in metrics]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"named twice: {', '.join(twice)}"
        raise ValueError(msg)
    return metrics


def _is_encodable(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
