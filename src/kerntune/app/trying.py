"""Tries a workload as it is: several runs at the present values, and how much its figures vary here."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kerntune.app.outlook import made_workload, open_target, prepared
from kerntune.app.settings import Settings
from kerntune.catalog import load
from kerntune.interfaces import MetricSpec
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction, Objective, Plan, WorkloadChoice

ROBUST = 1.4826
"""Times the median absolute deviation: the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One run of a workload that is tried: its metrics and its wall time in seconds."""

    metrics: tuple[Metric, ...]
    wall_s: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How one metric varied over `runs` runs; `noise` is a robust standard deviation over the median."""

    metric: MetricSpec
    median: float
    lowest: float
    highest: float
    noise: float
    runs: int


def tried(
    name: str, options: Mapping[str, object], here: Settings, *, target: str, runs: int
) -> Iterator[Tried]:
    """Runs a workload at the present values, after one warm-up that is not handed out; yields each run.

    Raises:
        KerntuneError: the workload's options are wrong, or a run failed.
    """
    objective = Objective("", Direction.MAXIMIZE)
    plan = Plan(f"try {name}", WorkloadChoice(name, options), objective, picks=(), target=target)
    workload = made_workload(plan)
    with open_target(plan, here, load()) as opened:
        prepared(opened, workload)
        for number in range(runs + 1):
            with opened.applied({}) as place:
                began = time.monotonic()
                run = Tried(workload.run(place, workload.longest_s), time.monotonic() - began)
            if number > 0:
                yield run


def spreads(runs: Sequence[Tried]) -> tuple[Spread, ...]:
    """Returns how each metric varied over the runs."""
    return tuple(_spread([run.metrics[index] for run in runs]) for index in range(len(runs[0].metrics)))


def _spread(found: Sequence[Metric]) -> Spread:
    values = [metric.value for metric in found]
    median = statistics.median(values)
    deviation = ROBUST * statistics.median(abs(value - median) for value in values)
    first = found[0]
    return Spread(
        metric=MetricSpec(first.name, first.unit, first.direction),
        median=median,
        lowest=min(values),
        highest=max(values),
        noise=deviation / abs(median) if median else 0.0,
        runs=len(values),
    )
