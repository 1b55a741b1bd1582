"""Verdicts: what may be claimed of one config against another."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What may be claimed. Undecided is an ordinary result."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    INVALID = "invalid"  # not comparable: other host facts, or no pairs at all


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim with its gain and interval, as fractions (0.05 = 5 % better), and the pairs it rests on.

    `gain` is the estimate from `pairs` adjacent pairs; `low` and `high` bound it at `confidence`, all looks
    at the data accounted for. Positive is better whatever the metric's direction.
    """

    outcome: Outcome
    gain: float
    low: float
    high: float
    pairs: int
    confidence: float = 0.95
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Noise:
    """What the audit found by repeating the default.

    `run_to_run` is the relative standard deviation of one run beside its neighbour, `drift` the relative
    spread of the runs over the whole audit, `detectable` the smallest gain the confirmation could show with
    80 % power within its pairs (all fractions), `pairs` how many default/default pairs this rests on.
    """

    run_to_run: float
    drift: float
    detectable: float
    pairs: int
