"""Measurements: the numbers of one run, two neighbouring runs, and all runs of one config."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from kerntune.model.plan import Direction


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run with its unit and the direction in which it is better."""

    name: str
    value: float
    unit: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers of one run.

    `started_at` is in seconds since the epoch, `wall_s` the run's own wall time. `telemetry` holds what the
    kernel counted meanwhile (CPU, pressure, memory, network), named `cpu.busy_share`, `net.client.TcpExt…`.
    """

    metrics: tuple[Metric, ...]
    wall_s: float
    started_at: float = 0.0
    telemetry: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Metric:
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs, neighbours in time: one at the reference config, one at the candidate."""

    reference: Sample
    candidate: Sample
    reference_first: bool = True

    def swapped(self) -> Self:
        """Returns the pair seen from the other side: reference and candidate exchanged."""
        return type(self)(self.candidate, self.reference, not self.reference_first)


@dataclass(frozen=True, slots=True)
class Measurement:
    """All samples of one config in adjacent pairs; warm-ups are kept apart, not dropped."""

    pairs: tuple[Pair, ...] = ()
    warmups: tuple[Sample, ...] = ()

    @property
    def benchmark_s(self) -> float:
        """Returns the seconds spent inside the workload."""
        runs = [sample for pair in self.pairs for sample in (pair.reference, pair.candidate)]
        return sum(sample.wall_s for sample in (*self.warmups, *runs))
