"""What a rule says after each pair: how the comparison looks, and whether to go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kerntune.model.measurement import Pair
from kerntune.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Ruling:
    """How a comparison looks after some pairs, and whether more pairs are worth their time."""

    verdict: Verdict
    finished: bool


Rule = Callable[[Sequence[Pair]], Ruling]
"""Looks at all pairs of a comparison so far. Called with no pairs first; never finished then."""
