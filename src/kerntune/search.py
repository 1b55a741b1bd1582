"""The search: asks an optimizer for configs, races each against the default, and stops in time."""

import math
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field

from kerntune import judge, reward
from kerntune.desk import Desk
from kerntune.encoding import Encoding
from kerntune.interfaces import NOTHING, MetricSpec, Optimizer
from kerntune.model.knob import Config
from kerntune.model.measurement import Sample
from kerntune.model.plan import Direction, Objective, Plan, Reward
from kerntune.model.space import Space
from kerntune.model.trial import Comparison, Ending, Event, Stage, Trial
from kerntune.model.verdict import Noise, Outcome, Verdict

FAILURES_TO_STOP = 3

PENALTY = math.log(2)
"""A failed trial scores this much (in log gain) below the worst one that did not fail."""

RESERVED_PAIRS = 18
"""Pairs' worth of time kept for confirming and minimizing, but never more than half of the budget."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A plan as it stands on one target: the knobs that exist there, and the objective's metric."""

    plan: Plan
    space: Space
    metric: MetricSpec

    @property
    def objective(self) -> Objective:
        """Returns the plan's objective."""
        return self.plan.objective


@dataclass(slots=True)
class Searched:
    """What a search has found so far: the best trial, and why it ended.

    The best has the largest reward of those whose objective gained: the confirmation asks for a gain.
    """

    best: Trial | None = None
    ending: Ending = Ending.DONE
    scores: list[float] = field(default_factory=lambda: [0.0])
    best_score: float = 0.0
    since_best: int = 0

    @property
    def best_verdict(self) -> Verdict | None:
        """Returns the best trial's verdict."""
        return self.best.verdict if self.best else None

    def take(self, trial: Trial, objective: Objective, weights: Reward) -> float:
        """Takes a trial and returns its score: its reward, or a finite penalty below the worst success."""
        verdict, pairs = trial.verdict, trial.measurement.pairs
        if trial.failure is not None or verdict is None or verdict.outcome is Outcome.INVALID:
            return min(self.scores) - PENALTY
        score = reward.score(pairs, objective, weights)
        if score > self.best_score and reward.performance(pairs, objective) > 0:
            self.best, self.best_score, self.since_best = trial, score, 0
        else:
            self.since_best += 1
        self.scores.append(score)
        return score


def search(
    desk: Desk, brief: Brief, optimizer: Optimizer, noise: Noise, found: Searched
) -> Generator[Event, None, None]:
    """Tries configs until the budget is spent or more would be pointless; fills `found` as it goes.

    A config is measured once: asked for again, the optimizer is told what is known. The default itself scores
    0 by definition.
    """
    encoding = Encoding(brief.space)
    known: dict[tuple[object, ...], float] = {_key(brief.space.default): 0.0}
    optimizer.tell(encoding.encode(brief.space.default), 0.0)
    for number in range(1, brief.plan.budget.trials + 1):
        stop = _enough(desk, brief, found)
        if stop is not None:
            found.ending = stop
            return
        point = optimizer.ask()
        config = encoding.decode(point)
        telemetry = NOTHING
        if _key(config) not in known:
            comparison = Comparison(Stage.SEARCH, config, brief.space.default, _origin(brief.plan, number))
            rule = judge.racing(brief.objective, noise, found.best_verdict)
            trial = yield from desk.trial(comparison, rule)
            known[_key(config)] = found.take(trial, brief.objective, brief.plan.reward)
            telemetry = reward.relative_telemetry(trial.measurement.pairs)
        optimizer.tell(point, known[_key(config)], telemetry)


def _key(config: Config) -> tuple[object, ...]:
    return tuple(sorted(config.items()))


def _origin(plan: Plan, number: int) -> str:
    return f"hint {number}" if number <= len(plan.hints) else f"{plan.optimizer} {number}"


def _enough(desk: Desk, brief: Brief, found: Searched) -> Ending | None:
    if desk.failures_in_a_row >= FAILURES_TO_STOP:
        return Ending.FAILURES
    if desk.left_s < reserve_s(desk, brief.plan):
        return Ending.BUDGET
    if found.best is not None and at_ceiling(brief.metric, found.best):
        return Ending.CEILING
    if found.best is not None and found.since_best >= max(8, 2 * len(brief.space)):
        return Ending.UNLIKELY
    return None


def reserve_s(desk: Desk, plan: Plan) -> float:
    """Returns the seconds of the budget that are kept for confirming and minimizing."""
    walls = [sample.wall_s for sample in _references(desk)]
    pair_s = 2 * statistics.median(walls) if walls else 0.0
    return min(RESERVED_PAIRS * pair_s, plan.budget.time_s / 2)


def _references(desk: Desk) -> list[Sample]:
    return [pair.reference for trial in desk.trials for pair in trial.measurement.pairs]


def at_ceiling(metric: MetricSpec, best: Trial) -> bool:
    """Says whether the metric's physical limit leaves less than a hundredth to gain."""
    values = [pair.candidate[metric.name].value for pair in best.measurement.pairs]
    if metric.ceiling is None or not values:
        return False
    value = statistics.median(values)
    room = metric.ceiling / value if metric.direction is Direction.MAXIMIZE else value / metric.ceiling
    return room < 1.01
