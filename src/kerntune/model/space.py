"""The space: the plan's knobs as they exist on one target, with present values."""

from collections.abc import Iterator
from dataclasses import dataclass

from kerntune.model.knob import Config, Constraint, Domain, Knob, Value


@dataclass(frozen=True, slots=True)
class Dimension:
    """One knob of a space, its domain as the plan and the target narrow it, and its present value."""

    knob: Knob
    domain: Domain
    present: Value


@dataclass(frozen=True, slots=True)
class Space:
    """The dimensions to search, the constraints among them, and the present values of fixed neighbours.

    `neighbours` are knobs that are not searched but share a constraint with one that is (the `min` of a
    vector whose `max` is tuned).
    """

    dimensions: tuple[Dimension, ...]
    constraints: tuple[Constraint, ...] = ()
    neighbours: tuple[tuple[str, Value], ...] = ()

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self.dimensions)

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def default(self) -> Config:
        """Returns the present value of every knob: what the study is compared with."""
        return {dimension.knob.name: dimension.present for dimension in self.dimensions}

    def changed(self, config: Config) -> Config:
        """Returns the part of a config that differs from the present values."""
        present = self.default
        return {name: value for name, value in config.items() if present.get(name) != value}
