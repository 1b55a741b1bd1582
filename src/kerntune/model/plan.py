"""The plan: what a planner made of the user's sentence, and what a study carries out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from kerntune.model.knob import Config, Value


class Direction(StrEnum):
    """Which way a metric is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric to improve; a gain below `smallest_gain` (a fraction) is not worth having."""

    metric: str
    direction: Direction
    smallest_gain: float = 0.02


@dataclass(frozen=True, slots=True)
class Guard:
    """A metric that must not get worse than `limit` times its neighbour at the default config.

    With Direction.MINIMIZE (a latency) the run is refused above `limit` x default, with MAXIMIZE below it.
    """

    metric: str
    direction: Direction
    limit: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pick:
    """A knob the planner picked, with its reason and source; the domain is narrowed where given."""

    knob: str
    reason: str
    source: str
    low: int | None = None
    high: int | None = None
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Hint:
    """A starting point: values for some of the plan's knobs, the rest stay as they are."""

    config: Config
    reason: str


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a study may spend: trials of the search, and wall-clock seconds for everything."""

    trials: int = 20
    time_s: float = 900.0


@dataclass(frozen=True, slots=True)
class WorkloadChoice:
    """The workload's registered name and its options (`{"duration_s": 3}`)."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)


Definition = Literal["spread", "pressure"]
"""What stability means: see `Reward`."""


@dataclass(frozen=True, slots=True)
class Reward:
    """What the search is told: performance and stability, both relative to the neighbouring baseline.

    The weights need not add up to 1. `stability` is the spread over repeated runs ("spread") or waiting for
    I/O and memory ("pressure"). A verdict is about the objective's metric alone, whatever the weights.
    """

    performance: float = 1.0
    stability: float = 0.0
    definition: Definition = "spread"


@dataclass(frozen=True, slots=True)
class Plan:
    """One study to be carried out; `planner` says who made it.

    `optimizer_options` are the optimizer's own (`{"learning_rate": 0.001, "policy": "mine.npz"}`). `also` are
    second objectives, shown beside the first. `state` names what an agent observes (`cpu_usage`).
    """

    goal: str
    workload: WorkloadChoice
    objective: Objective
    picks: tuple[Pick, ...]
    hints: tuple[Hint, ...] = ()
    guards: tuple[Guard, ...] = ()
    budget: Budget = field(default_factory=Budget)
    target: str = "netns"
    target_options: Mapping[str, object] = field(default_factory=dict)
    optimizer: str = "auto"
    seed: int = 0
    planner: str = "file"
    optimizer_options: Mapping[str, object] = field(default_factory=dict)
    reward: Reward = field(default_factory=Reward)
    also: tuple[Objective, ...] = ()
    state: tuple[str, ...] = ()
