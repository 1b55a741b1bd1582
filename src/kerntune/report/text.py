"""A study in words: one line for an event, one sentence for a verdict, and the closing summary."""

import math
from collections.abc import Iterator

from kerntune.model.knob import Config
from kerntune.model.plan import Plan
from kerntune.model.space import Space
from kerntune.model.trial import Ending, Event, Note, PairDone, Result, Stage, Trial, TrialDone
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
    """Returns a metric's value with four digits."""
    return "?" if value is None else f"{value:.4g}"


def plan_lines(plan: Plan, unit: str = "") -> Iterator[str]:
    """Yields what a plan is going to do, with a reason for each knob."""
    objective = plan.objective
    yield f"Goal      {plan.goal}"
    metric = f"{objective.metric} ({unit})" if unit else objective.metric
    yield f"Workload  {plan.workload.name}: {objective.direction} {metric}"
    yield f"Budget    {plan.budget.trials} trials, {plan.budget.time_s:g} s, optimizer {plan.optimizer}"
    for guard in plan.guards:
        yield f"Guard     {guard.metric} at {guard.limit:g} x its neighbour: {guard.reason}"
    for pick in plan.picks:
        yield f"Knob      {pick.knob}: {pick.reason}"
    for hint in plan.hints:
        yield f"Hint      {settings(hint.config)}: {hint.reason}"


def settings(config: Config) -> str:
    """Returns a config on one line."""
    return ", ".join(f"{name}={value}" for name, value in config.items()) or "nothing changed"


def noise_line(noise: Noise) -> str:
    """Returns what the audit found, and what this budget can show."""
    return (
        f"noise {percent(noise.run_to_run, signed=False)} from run to run, "
        f"drift {percent(noise.drift, signed=False)} over the audit (n = {noise.pairs} pairs); "
        f"smallest gain this budget can show: {percent(noise.detectable, signed=False)}"
    )


def event_line(event: Event, space: Space) -> str | None:
    """Returns an event as one line, None for those that only move the progress display."""
    match event:
        case TrialDone(trial, replayed):
            return _trial_line(trial, space) + (" (from the store)" if replayed else "")
        case Note(text):
            return f"note      {text}"
        case PairDone() | Result():
            return None


def _trial_line(trial: Trial, space: Space) -> str:
    comparison = trial.comparison
    head = f"{comparison.stage:<9} #{trial.number:<3} {comparison.origin:<24}"
    if trial.failure is not None:
        return f"{head} failed ({trial.failure.kind}): {trial.failure.reason}"
    assert trial.verdict is not None
    pairs = len(trial.measurement.pairs)
    outcome = f" {trial.verdict.outcome}" if comparison.stage is Stage.CONFIRM else ""
    text = f"{head} {interval(trial.verdict)} n={pairs}{outcome}"
    if comparison.stage is Stage.AUDIT:
        return text
    return f"{text}  {settings(space.changed(comparison.candidate))}"


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
        f"at {verdict.confidence:.0%} confidence, {verdict.pairs} fresh interleaved pairs."
    )
    if verdict.outcome is Outcome.BETTER or not verdict.reason:
        return sentence
    return f"{sentence} {verdict.reason[0].upper()}{verdict.reason[1:]}."


def summary_lines(result: Result, plan: Plan, space: Space, *, unit: str = "") -> Iterator[str]:
    """Yields the closing summary: the answer, the knobs that matter, what it rests on."""
    yield verdict_sentence(result, plan, unit)
    present = space.default
    for name, value in result.minimal_config.items():
        yield f"  {name}: {present.get(name)} → {value}"
    left = len(result.best_config) - len(result.minimal_config)
    if result.minimal_config and left > 0:
        knobs = "knob" if left == 1 else "knobs"
        yield f"  {left} more {knobs} of the best config made no measurable difference"
    if result.noise is not None:
        yield noise_line(result.noise)
    yield (
        f"{result.trials} trials, {result.failures} failed; {result.wall_s:.0f} s, "
        f"{result.benchmark_s:.0f} s of them inside the workload; ended: {result.ending}"
    )
    yield from result.notes


def sysctl_lines(config: Config, space: Space) -> Iterator[str]:
    """Yields the lines of a sysctl.d file that would set a config; vectors are written whole."""
    values: dict[str, list[str]] = {}
    known = {**dict(space.neighbours), **space.default, **config}
    for dimension in space:
        knob = dimension.knob
        if knob.name not in config or knob.file in values:
            continue
        names = [f"{knob.file}:{member}" for member in knob.members] or [knob.name]
        values[knob.file] = [str(known[name]) for name in names]
    for file, words in values.items():
        yield f"{file} = {' '.join(words)}"


def ending_is_clean(result: Result) -> bool:
    """Says whether the study came to a verdict of its own accord."""
    return result.ending not in {Ending.FAILURES, Ending.INTERRUPTED}
