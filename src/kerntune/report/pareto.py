"""The front of a study with several objectives: the configs that no other one beats in all of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from kerntune import judge
from kerntune.model.knob import Config
from kerntune.model.plan import Plan
from kerntune.model.trial import Stage, Trial
from kerntune.report.text import assignments, difference, percent


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """One config with its log gains in the order of the objectives; trial 0 is the present values."""

    trial: int
    config: Config
    gains: tuple[float, ...]
    pairs: int

    def beats(self, other: Self) -> bool:
        """Returns whether it is nowhere worse than another config, and better somewhere."""
        both = list(zip(self.gains, other.gains, strict=True))
        return all(mine >= theirs for mine, theirs in both) and any(mine > theirs for mine, theirs in both)


def front(trials: Sequence[Trial], plan: Plan) -> tuple[FrontPoint, ...]:
    """Returns the configs that no other one beats, by the first objective, the best first.

    Of several trials of one config the one with the most pairs counts. The present values are among the
    candidates: their gains are 0. A gain here is an estimate of a search; only a confirmation may claim one.
    """
    objectives = (plan.objective, *plan.also)
    points = {assignments({}): FrontPoint(0, {}, (0.0,) * len(objectives), 0)}
    for trial in trials:
        comparison, pairs = trial.comparison, trial.measurement.pairs
        usable = trial.failure is None and not any(judge.unusable(pairs, one) for one in objectives)
        if comparison.stage not in {Stage.SEARCH, Stage.CONFIRM} or not pairs or not usable:
            continue
        changed = difference(comparison.candidate, comparison.reference)
        gains = tuple(judge.middle(judge.log_gains(pairs, one)) for one in objectives)
        point = FrontPoint(trial.number, changed, gains, len(pairs))
        known = points.get(assignments(changed))
        if known is None or known.pairs < point.pairs:
            points[assignments(changed)] = point
    kept = [one for one in points.values() if not any(other.beats(one) for other in points.values())]
    return tuple(sorted(kept, key=lambda one: one.gains, reverse=True))


def front_lines(trials: Sequence[Trial], plan: Plan) -> Iterator[str]:
    """Yields the front in words; nothing where a plan has one objective."""
    if not plan.also:
        return
    objectives = (plan.objective, *plan.also)
    yield f"Trade-offs of {' and '.join(one.metric for one in objectives)} (positive is better; estimates):"
    for point in front(trials, plan):
        gains = ", ".join(
            f"{one.metric} {percent(math.expm1(min(gain, 700.0)))}"
            for one, gain in zip(objectives, point.gains, strict=True)
        )
        who = f"#{point.trial}" if point.trial else "as it is"
        what = f"  {assignments(point.config)}" if point.trial else ""
        yield f"  {who:<8} {gains}  n={point.pairs}{what}"
