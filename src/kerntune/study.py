"""The study: carries out one plan on one rig. Read this first, the whole program is here.

    audit ─► search ─► confirm ─► minimize ─► result

Every stage compares configs through the desk and yields what happened as events; the last event is the
result. Nothing here knows a target, a store or a screen.
"""

import math
import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from kerntune.confirm import confirm
from kerntune.desk import Desk
from kerntune.encoding import Encoding
from kerntune.interfaces import MetricSpec, Optimizer, Rig
from kerntune.judge import audit_rule, noise_of, racing_rule
from kerntune.minimize import minimize
from kerntune.model.knob import Config
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Direction, Objective, Plan
from kerntune.model.space import Space
from kerntune.model.trial import Comparison, Ending, Event, Note, Result, Stage, Trial
from kerntune.model.verdict import Noise, Outcome, Verdict

FAILURES_TO_STOP = 3
PENALTY = math.log(2)
"""A failed trial scores this much (in log gain) below the worst one that did not fail."""


@dataclass(slots=True)
class Findings:
    """What a study knows so far; an interrupted one reports what is here."""

    noise: Noise | None = None
    best: Trial | None = None
    confirmed: Trial | None = None
    minimal: Config = field(default_factory=dict)
    final: Trial | None = None
    ending: Ending = Ending.DONE
    notes: list[str] = field(default_factory=list)


def study(  # noqa: PLR0913 - the nouns of a study
    plan: Plan,
    space: Space,
    rig: Rig,
    optimizer: Optimizer,
    *,
    metric: MetricSpec | None = None,
    past: Sequence[Trial] = (),
    notes: Sequence[str] = (),
) -> Generator[Event, None, Result]:
    """Carries out a plan; yields each event, the last one is the result, which is returned as well.

    Args:
        plan: what to do.
        space: the plan's knobs as they are on the rig's target.
        rig: where configs are compared.
        optimizer: asked for points of the unit cube of `space`, told their log gains.
        metric: the objective's metric with its physical limit, where there is one.
        past: the trials already stored when a study is resumed.
        notes: what the user should read first; they stand in the result as well.

    An interrupt (`KeyboardInterrupt`, also one thrown into the generator) ends it cleanly: everything is
    undone by then, and the result says what was learnt.
    """
    desk = Desk(rig, past=past, time_s=plan.budget.time_s)
    findings = Findings(notes=list(notes))
    try:
        for note in notes:
            yield Note(note)
        yield from _stages(plan, space, desk, optimizer, metric, findings)
    except KeyboardInterrupt:
        findings.ending = Ending.INTERRUPTED
    result = conclude(plan.objective, space, desk, findings)
    yield result
    return result


def _stages(  # noqa: PLR0913 - the five nouns of a study, and what it finds
    plan: Plan,
    space: Space,
    desk: Desk,
    optimizer: Optimizer,
    metric: MetricSpec | None,
    findings: Findings,
) -> Generator[Event, None, None]:
    yield from audit(desk, plan.objective, space, findings)
    if findings.ending is not Ending.DONE:
        return
    yield from search(desk, plan, space, optimizer, metric, findings)
    if findings.ending is Ending.FAILURES or findings.best is None:
        return
    candidate = findings.best.comparison.candidate
    findings.confirmed = yield from confirm(desk, plan.objective, candidate, space.default)
    if _better(findings.confirmed):
        reduced = yield from minimize(desk, plan.objective, space, candidate, findings.confirmed)
        findings.minimal, findings.final = reduced.config, reduced.trial
        findings.notes.extend(reduced.notes)


def audit(desk: Desk, objective: Objective, space: Space, findings: Findings) -> Generator[Event, None, None]:
    """Repeats the default beside itself: how much noise there is, and what this budget can show."""
    default = space.default
    comparison = Comparison(Stage.AUDIT, default, default, "default beside itself")
    while True:
        trial = yield from desk.trial(comparison, audit_rule(objective), warmups=1)
        if trial.failure is None:
            break
        if desk.failures_in_a_row >= FAILURES_TO_STOP:
            findings.ending = Ending.FAILURES
            return
    findings.noise = noise_of(trial.measurement.pairs, objective)


def search(  # noqa: PLR0913 - the nouns of a study
    desk: Desk,
    plan: Plan,
    space: Space,
    optimizer: Optimizer,
    metric: MetricSpec | None,
    findings: Findings,
) -> Generator[Event, None, None]:
    """Tries configs until the budget is spent or more would be pointless; keeps the best one."""
    encoding = Encoding(space)
    scores = Scores()
    hints = len(plan.hints)
    for number in range(plan.budget.trials):
        stop = _enough(desk, plan, metric, findings, scores)
        if stop is not None:
            findings.ending = stop
            break
        point = optimizer.ask()
        config = encoding.decode(point)
        if config in scores or config == space.default:
            optimizer.tell(point, scores.of(config))
            continue
        origin = f"hint {number + 1}" if number < hints else f"{plan.optimizer} {number + 1}"
        comparison = Comparison(Stage.SEARCH, config, space.default, origin)
        rule = racing_rule(plan.objective, findings.best.verdict if findings.best else None)
        trial = yield from desk.trial(comparison, rule)
        optimizer.tell(point, scores.enter(trial))
        findings.best = _winner(findings.best, trial)


class Scores:
    """The log gain of every config tried; a failure scores a finite penalty below the worst success."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, object], ...], float] = {}
        self._gains: list[float] = [0.0]
        self.since_best = 0

    def __contains__(self, config: Config) -> bool:
        return self._key(config) in self._known

    def of(self, config: Config) -> float:
        """Returns a config's score; the default's is 0 by definition."""
        return self._known.get(self._key(config), 0.0)

    def enter(self, trial: Trial) -> float:
        """Returns a new trial's score and remembers it."""
        if trial.failure is not None or trial.verdict is None or trial.verdict.outcome is Outcome.INVALID:
            score = min(self._gains) - PENALTY
        else:
            score = math.log1p(trial.verdict.gain)
            self.since_best = 0 if score > max(self._gains) else self.since_best + 1
            self._gains.append(score)
        self._known[self._key(trial.comparison.candidate)] = score
        return score

    @staticmethod
    def _key(config: Config) -> tuple[tuple[str, object], ...]:
        return tuple(sorted(config.items()))


def _enough(
    desk: Desk, plan: Plan, metric: MetricSpec | None, findings: Findings, scores: Scores
) -> Ending | None:
    if desk.failures_in_a_row >= FAILURES_TO_STOP:
        return Ending.FAILURES
    if desk.left_s < reserve_s(desk, plan):
        return Ending.BUDGET
    if metric is not None and findings.best is not None and at_ceiling(metric, plan.objective, findings.best):
        return Ending.CEILING
    if findings.best is not None and scores.since_best >= max(8, 2 * len(plan.picks)):
        return Ending.UNLIKELY
    return None


def reserve_s(desk: Desk, plan: Plan) -> float:
    """Returns the seconds of the budget kept for confirming and minimizing: 18 pairs, at most half of it."""
    walls = [sample.wall_s for sample in _references(desk.trials)]
    pair_s = 2 * statistics.median(walls) if walls else 0.0
    return min(18 * pair_s, plan.budget.time_s / 2)


def at_ceiling(metric: MetricSpec, objective: Objective, best: Trial) -> bool:
    """Says whether what the metric's physical limit still allows is not worth having."""
    if metric.ceiling is None or not best.measurement.pairs:
        return False
    value = statistics.median(pair.candidate[metric.name].value for pair in best.measurement.pairs)
    room = metric.ceiling / value if objective.direction is Direction.MAXIMIZE else value / metric.ceiling
    return room - 1 < objective.smallest_gain


def conclude(objective: Objective, space: Space, desk: Desk, findings: Findings) -> Result:
    """Returns the result of everything found so far."""
    final = findings.final or findings.confirmed
    best = findings.best.comparison.candidate if findings.best else {}
    recommended = findings.minimal if findings.final else best
    pairs = _telling_pairs(findings, desk)
    return Result(
        ending=findings.ending,
        verdict=_verdict(final, findings),
        best_config=space.changed(best),
        minimal_config=space.changed(recommended) if _better(final) else {},
        baseline=_median([pair.reference[objective.metric].value for pair in pairs]),
        best=_median([pair.candidate[objective.metric].value for pair in pairs]),
        noise=findings.noise,
        trials=len(desk.trials),
        failures=sum(trial.failure is not None for trial in desk.trials),
        benchmark_s=desk.benchmark_s,
        wall_s=desk.elapsed_s,
        notes=tuple(findings.notes),
    )


def _verdict(final: Trial | None, findings: Findings) -> Verdict:
    if final is not None and final.verdict is not None:
        return final.verdict
    if final is not None and final.failure is not None:
        reason = f"the confirmation failed: {final.failure.reason}"
    elif findings.ending is Ending.FAILURES:
        reason = "three failures in a row"
    elif findings.ending is Ending.INTERRUPTED:
        reason = "interrupted before anything was confirmed"
    else:
        reason = "no config looked better than the present values"
    outcome = Outcome.INVALID if findings.ending is Ending.FAILURES else Outcome.UNDECIDED
    return Verdict(outcome, 0.0, -1.0, math.inf, 0, reason=reason)


def _telling_pairs(findings: Findings, desk: Desk) -> tuple[Pair, ...]:
    for trial in (findings.final, findings.confirmed, findings.best, *desk.trials[:1]):
        if trial is not None and trial.measurement.pairs:
            return trial.measurement.pairs
    return ()


def _winner(best: Trial | None, trial: Trial) -> Trial | None:
    if trial.failure is not None or trial.verdict is None or trial.verdict.outcome is Outcome.INVALID:
        return best
    floor = best.verdict.gain if best is not None and best.verdict is not None else 0.0
    return trial if trial.verdict.gain > floor else best


def _better(trial: Trial | None) -> bool:
    return trial is not None and trial.verdict is not None and trial.verdict.outcome is Outcome.BETTER


def _references(trials: Sequence[Trial]) -> list[Sample]:
    return [pair.reference for trial in trials for pair in trial.measurement.pairs]


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
