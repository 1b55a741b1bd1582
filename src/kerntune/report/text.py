"""A study in words: one line for an event, one sentence for a verdict, and the closing summary."""

import math
from collections.abc import Iterator

from kerntune.model.knob import Config
from kerntune.model.plan import Plan
from kerntune.model.trial import Event, Failure, Note, PairDone, Result, Stage, Trial, TrialDone
from kerntune.model.verdict import Noise, Outcome, Verdict


def percent(fraction: float, *, signed: bool = True) -> str:
    """Returns a fraction as a percentage with the digits it deserves: +3.2 %, +221 %."""
    if not math.isfinite(fraction):
        return "?"
    digits = 0 if abs(fraction) >= 1 else 1
    return f"{100 * fraction:{'+' if signed else ''}.{digits}f} %"


def interval(verdict: Verdict) -> str:
    """Returns a verdict's gain with its interval: +221 % [+215 %, +228 %]."""
    if verdict.pairs == 0:
        return "not measured"
    return f"{percent(verdict.gain)} [{percent(verdict.low)}, {percent(verdict.high)}]"


def number(value: float | None) -> str:
    """Returns a metric's value with four digits, large ones whole."""
    if value is None:
        return "?"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def plan_lines(plan: Plan, unit: str = "") -> Iterator[str]:
    """Yields what a plan is going to do, with a reason for each knob."""
    objective = plan.objective
    yield f"Goal      {plan.goal}"
    metric = f"{objective.metric} ({unit})" if unit else objective.metric
    yield f"Workload  {plan.workload.name}: {objective.direction} {metric}"
    yield f"Budget    {plan.budget.trials} trials, {plan.budget.time_s:g} s, optimizer {plan.optimizer}"
    if plan.reward.stability:
        told = plan.reward
        yield f"Reward    {told.performance:g} performance + {told.stability:g} stability ({told.definition})"
    for other in plan.also:
        yield f"Beside    {other.direction} {other.metric}"
    for guard in plan.guards:
        yield f"Guard     {guard.metric} at {guard.limit:g} x its neighbour: {guard.reason}"
    for pick in plan.picks:
        yield f"Knob      {pick.knob}: {pick.reason}"
    for hint in plan.hints:
        yield f"Hint      {assignments(hint.config)}: {hint.reason}"


def assignments(config: Config) -> str:
    """Returns a config on one line."""
    return ", ".join(f"{name}={value}" for name, value in config.items()) or "nothing changed"


def noise_line(noise: Noise) -> str:
    """Returns what the audit found, and what this budget can show."""
    return (
        f"noise {percent(noise.run_to_run, signed=False)} from run to run, "
        f"drift {percent(noise.drift, signed=False)} over the audit (n = {noise.pairs} pairs); "
        f"smallest gain this budget can show: {percent(noise.detectable, signed=False)}"
    )


def event_line(event: Event) -> str | None:
    """Returns an event as one line, None for those that only move the progress display."""
    match event:
        case TrialDone(trial, replayed):
            return trial_line(trial) + (" (from the store)" if replayed else "")
        case Note(text):
            return f"note      {text}"
        case PairDone() | Result():
            return None


def trial_line(trial: Trial) -> str:
    """Returns a trial as one line: whose idea it was, the gain, n, and what differed."""
    comparison = trial.comparison
    head = f"{comparison.stage:<9} #{trial.number:<3} {comparison.origin:<22}"
    if trial.failure is not None:
        return f"{head} failed ({trial.failure.kind}): {trial.failure.reason}"
    assert trial.verdict is not None
    outcome = f" {trial.verdict.outcome}" if comparison.stage is Stage.CONFIRM else ""
    line = f"{head} {interval(trial.verdict)} n={len(trial.measurement.pairs)}{outcome}"
    changed = difference(comparison.candidate, comparison.reference)
    return f"{line}  {assignments(changed)}" if changed else line


def failure_lines(failure: Failure) -> Iterator[str]:
    """Yields why a trial failed, and the end of what the workload printed."""
    yield f"failed ({failure.kind}): {failure.reason}"
    if failure.tail:
        yield from tail_lines(failure.tail)


def tail_lines(tail: str) -> Iterator[str]:
    """Yields the last lines that a workload printed."""
    yield "the end of its output:"
    for line in tail.splitlines()[-TAIL_LINES:]:
        yield f"  {line}"


def difference(config: Config, reference: Config) -> Config:
    """Returns the part of a config that differs from a reference."""
    return {name: value for name, value in config.items() if reference.get(name) != value}


TAIL_LINES = 12

SENTENCES = {
    Outcome.BETTER: "Better",
    Outcome.WORSE: "Worse",
    Outcome.UNDECIDED: "Undecided",
    Outcome.INVALID: "Invalid",
}


def verdict_sentence(result: Result, plan: Plan, unit: str = "") -> str:
    """Returns the answer in one sentence, with interval and n."""
    verdict = result.verdict
    word = SENTENCES[verdict.outcome]
    if verdict.pairs == 0:
        return f"{word}: {verdict.reason}."
    values = f"{number(result.baseline)} → {number(result.best)}{' ' + unit if unit else ''}"
    sentence = (
        f"{word}: {plan.objective.metric} {values}, gain {interval(verdict)} "
        f"at {100 * verdict.confidence:.0f} % confidence, {verdict.pairs} fresh interleaved pairs."
    )
    if verdict.outcome is Outcome.BETTER or not verdict.reason:
        return sentence
    return f"{sentence} {verdict.reason[0].upper()}{verdict.reason[1:]}."


def summary_lines(result: Result, plan: Plan, present: Config, unit: str = "") -> Iterator[str]:
    """Yields the closing summary: the answer, the knobs that matter, what it rests on."""
    yield verdict_sentence(result, plan, unit)
    for name, value in result.minimal_config.items():
        yield f"  {name}: {present.get(name)} → {value}"
    left = len(result.best_config) - len(result.minimal_config)
    if result.minimal_config and left > 0:
        least = percent(plan.objective.smallest_gain, signed=False)
        was = "was dropped: what it adds" if left == 1 else "were dropped: what they add"
        yield f"  {left} more of the best config's knobs {was} is not measurable,"
        yield f"  or less than the {least} that are worth having"
    if result.noise is not None:
        noise = noise_line(result.noise)
        yield noise[0].upper() + noise[1:]
    yield (
        f"{result.trials} trials, {result.failures} failed; {result.wall_s:.0f} s, "
        f"{result.benchmark_s:.0f} s of them inside the workload; ended: {result.ending}"
    )
    yield from result.notes
