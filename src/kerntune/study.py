"""The study: carries out one plan on one rig. Read this first, the whole program is here.

    audit ─► search ─► confirm ─► minimize ─► result

Every stage compares configs through the desk and yields what happened as events; the last event is the
result. Nothing here knows a target, a store or a screen.
"""

import statistics
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from kerntune import judge
from kerntune.confirm import confirm
from kerntune.desk import Desk
from kerntune.interfaces import Optimizer, Rig
from kerntune.minimize import importance, minimize
from kerntune.model.measurement import Pair
from kerntune.model.trial import Comparison, Ending, Event, Note, Result, Stage, Trial
from kerntune.model.verdict import Noise, Outcome, Verdict
from kerntune.search import FAILURES_TO_STOP, Brief, Searched, search


@dataclass(slots=True)
class Findings:
    """What a study knows so far; an interrupted one reports what is here."""

    noise: Noise | None = None
    searched: Searched = field(default_factory=Searched)
    confirmed: Trial | None = None
    reduced: Trial | None = None
    ending: Ending = Ending.DONE
    notes: list[str] = field(default_factory=list)


def study(
    brief: Brief,
    rig: Rig,
    optimizer: Optimizer,
    *,
    past: Sequence[Trial] = (),
    notes: Sequence[str] = (),
) -> Generator[Event, None, Result]:
    """Carries out a plan; yields each event, the last one is the result, which is returned as well.

    Args:
        brief: The plan, its knobs as they are on the rig's target, and the objective's metric.
        rig: Where configs are compared.
        optimizer: Asked for points of the unit cube of the space, told their log gains.
        past: The trials already stored when a study is resumed.
        notes: What the user should read first; they stand in the result as well.

    An interrupt (`KeyboardInterrupt`, also one thrown into the generator) ends it cleanly: everything is
    undone by then, and the result says what was learnt.
    """
    plan = brief.plan
    desk = Desk(rig, past=past, guards=plan.guards, time_s=plan.budget.time_s, seed=plan.seed)
    findings = Findings(notes=list(notes))
    try:
        for note in notes:
            yield Note(note)
        yield from stages(desk, brief, optimizer, findings)
    except KeyboardInterrupt:
        findings.ending = Ending.INTERRUPTED
    result = conclude(desk, brief, findings)
    yield result
    return result


def stages(
    desk: Desk, brief: Brief, optimizer: Optimizer, findings: Findings
) -> Generator[Event, None, None]:
    """Goes through the four stages; fills `findings` as it goes."""
    noise = findings.noise = yield from audit(desk, brief)
    if noise is None:
        findings.ending = Ending.FAILURES
        return
    yield from search(desk, brief, optimizer, noise, findings.searched)
    findings.ending = findings.searched.ending
    best = findings.searched.best
    if findings.ending is Ending.FAILURES or best is None:
        return
    objective, space, candidate = brief.objective, brief.space, best.comparison.candidate
    findings.confirmed = yield from confirm(desk, objective, candidate, space.default, noise)
    if not is_better(findings.confirmed):
        return
    reduced = yield from minimize(desk, objective, space, findings.confirmed, noise)
    findings.reduced = reduced.trial
    findings.notes.extend(reduced.notes)


def audit(desk: Desk, brief: Brief) -> Generator[Event, None, Noise | None]:
    """Repeats the default beside itself; returns the noise, None after three failures in a row."""
    default = brief.space.default
    comparison = Comparison(Stage.AUDIT, default, default, "default beside itself")
    while desk.failures_in_a_row < FAILURES_TO_STOP:
        trial = yield from desk.trial(comparison, judge.audit(brief.objective), warmups=1)
        if trial.failure is None:
            return judge.noise_of(trial.measurement.pairs, brief.objective)
    return None


def conclude(desk: Desk, brief: Brief, findings: Findings) -> Result:
    """Returns the result of everything found so far."""
    final = findings.reduced or findings.confirmed
    best = findings.searched.best
    best_config = brief.space.changed(best.comparison.candidate) if best else {}
    recommended = brief.space.changed(final.comparison.candidate) if final and is_better(final) else {}
    pairs = _telling_pairs(desk, findings)
    metric = brief.objective.metric
    return Result(
        ending=findings.ending,
        verdict=_verdict(final, findings.ending),
        best_config=best_config,
        minimal_config=recommended,
        baseline=_median([pair.reference[metric].value for pair in pairs]),
        best=_median([pair.candidate[metric].value for pair in pairs]),
        noise=findings.noise,
        trials=len(desk.trials),
        failures=sum(trial.failure is not None for trial in desk.trials),
        benchmark_s=desk.benchmark_s,
        wall_s=desk.now_s,
        notes=tuple(findings.notes),
        importance=importance(desk.trials, brief.space, best.comparison.candidate) if best else {},
    )


def is_better(trial: Trial) -> bool:
    """Says whether a trial confirmed a gain."""
    return trial.verdict is not None and trial.verdict.outcome is Outcome.BETTER


def _verdict(final: Trial | None, ending: Ending) -> Verdict:
    if final is not None and final.verdict is not None:
        return final.verdict
    if final is not None and final.failure is not None:
        return _nothing(Outcome.INVALID, f"the confirmation failed: {final.failure.reason}")
    if ending is Ending.FAILURES:
        return _nothing(Outcome.INVALID, "three failures in a row")
    if ending is Ending.INTERRUPTED:
        return _nothing(Outcome.UNDECIDED, "interrupted before anything was confirmed")
    return _nothing(Outcome.UNDECIDED, "no config looked better than the present values")


def _nothing(outcome: Outcome, reason: str) -> Verdict:
    return Verdict(outcome, gain=0.0, low=0.0, high=0.0, pairs=0, confidence=0.0, reason=reason)


def _telling_pairs(desk: Desk, findings: Findings) -> tuple[Pair, ...]:
    """Returns the pairs that the answer rests on, the next best ones where nothing was confirmed."""
    for trial in (findings.reduced, findings.confirmed, findings.searched.best, *desk.trials[:1]):
        if trial is not None and trial.measurement.pairs:
            return trial.measurement.pairs
    return ()


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
