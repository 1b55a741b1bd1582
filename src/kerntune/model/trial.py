"""Trials: one config tried once, with its measurement or its failure; and what a study reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kerntune.model.knob import Config
from kerntune.model.measurement import Measurement, Pair
from kerntune.model.verdict import Noise, Verdict


class Stage(StrEnum):
    """The part of a study that asked for a trial."""

    AUDIT = "audit"
    SEARCH = "search"
    CONFIRM = "confirm"
    MINIMIZE = "minimize"


class FailureKind(StrEnum):
    """Why a trial has no value."""

    EXIT = "exit"  # the workload exited non-zero or could not start
    TIMEOUT = "timeout"
    CUT_SHORT = "cut short"  # obviously far worse than its neighbours
    OUTPUT = "output"  # it flooded its output
    METRIC = "metric"
    GUARD = "guard"
    REFUSED = "refused"  # the kernel or the hand refused a value
    INTERFERENCE = "interference"  # somebody else wrote the knob meanwhile
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason instead of a number; `tail` is the end of the workload's output."""

    kind: FailureKind
    reason: str
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be compared: a candidate with a reference, asked for by a stage; `origin`: whose idea."""

    stage: Stage
    candidate: Config
    reference: Config
    origin: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison carried out, with its measurement and verdict, or its failure.

    `elapsed_s` is the study's clock when the trial ended, budgets and resumption go by it.
    """

    number: int
    comparison: Comparison
    measurement: Measurement
    verdict: Verdict | None = None
    failure: Failure | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Past:
    """A stored run to go on with: its name and the trials that ended, in their order."""

    run_id: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class PairDone:
    """Event: one more pair of a running trial was measured; `verdict` is how it looks so far."""

    number: int
    comparison: Comparison
    pair: Pair
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TrialDone:
    """Event: a trial ended. `replayed` is true when it was read from the store and not measured again."""

    trial: Trial
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Event: something the user should read ("gp needs torch; using tpe")."""

    text: str


class Ending(StrEnum):
    """Why a study ended."""

    DONE = "done"
    BUDGET = "budget spent"
    CEILING = "physical limit reached"
    UNLIKELY = "further gain unlikely"
    FAILURES = "three failures in a row"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Result:
    """What a study found: the last event of every study.

    `best_config` and `minimal_config` hold only knobs that differ from the present values. `verdict` is the
    confirmation of what is recommended. `baseline` and `best` are medians of the objective's metric over
    the pairs of that confirmation (of the audit and the search where nothing was confirmed).
    """

    ending: Ending
    verdict: Verdict
    best_config: Config
    minimal_config: Config
    baseline: float | None
    best: float | None
    noise: Noise | None
    trials: int
    failures: int
    benchmark_s: float
    wall_s: float
    notes: tuple[str, ...] = ()
    importance: Mapping[str, float] = field(default_factory=dict)


Event = PairDone | TrialDone | Note | Result
