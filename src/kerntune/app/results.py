"""What a study found, as plain data for programs and as lines for people."""

from collections.abc import Mapping
from typing import Any

from kerntune.model.plan import Plan
from kerntune.model.trial import Ending, FailureKind, Result, Trial
from kerntune.model.verdict import Outcome
from kerntune.planfile import CONFIG_PLANNER
from kerntune.store import Run

TARGET_KINDS = {FailureKind.REFUSED, FailureKind.INTERFERENCE, FailureKind.TARGET}


def workload_name(plan: Plan) -> str:
    """Returns what the user calls the workload: a config gives it a name, else it is the registered one."""
    return plan.goal if plan.planner == CONFIG_PLANNER else plan.workload.name


def result_data(run: Run) -> dict[str, Any]:
    """Returns the result of a stored run as JSON-ready data; docs/reference/results.md says what it means."""
    result = run.result
    data: dict[str, Any] = {
        "success": result is not None and is_answered(result),
        "workload_name": workload_name(run.plan),
        "run_id": run.run_id,
        "state": str(run.state),
        "target": run.plan.target,
        "kernel": run.setup.facts.kernel,
    }
    return data | (_found(result) if result is not None else {})


def is_answered(result: Result) -> bool:
    """Says whether a study came to an answer of its own accord; "undecided" is one."""
    return (
        result.ending not in {Ending.FAILURES, Ending.INTERRUPTED}
        and result.verdict.outcome is not Outcome.INVALID
    )


def _found(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    measured, answered = verdict.pairs > 0, is_answered(result)
    unmoved = answered and not result.best_config  # nothing is recommended: all stays as it is
    return {
        "best_config": dict(result.best_config),
        "best_reward": result.baseline if unmoved else result.best,
        "baseline_reward": result.baseline,
        "improvement": 100 * verdict.gain if measured else (0.0 if answered else None),
        "total_episodes": result.trials,
        "verdict": {
            "outcome": str(verdict.outcome),
            "gain": verdict.gain if measured else None,
            "low": verdict.low if measured else None,
            "high": verdict.high if measured else None,
            "pairs": verdict.pairs,
            "confidence": verdict.confidence,
            "reason": verdict.reason,
        },
        "minimal_config": dict(result.minimal_config),
        "importance": dict(result.importance),
        "ending": str(result.ending),
        "noise": _noise(result),
        "trials": result.trials,
        "failures": result.failures,
        "wall_s": result.wall_s,
        "benchmark_s": result.benchmark_s,
        "notes": list(result.notes),
    }


def _noise(result: Result) -> Mapping[str, float] | None:
    noise = result.noise
    if noise is None:
        return None
    return {
        "run_to_run": noise.run_to_run,
        "drift": noise.drift,
        "detectable": noise.detectable,
        "pairs": noise.pairs,
    }


def exit_status(result: Result, last: Trial | None) -> int:
    """Returns the exit status of a study: 0, or whose fault it was that it could not end.

    0 better, worse or undecided; 3 the target or the hand; 4 the workload; 130 interrupted.
    """
    if result.ending is Ending.INTERRUPTED:
        return 130
    if is_answered(result):
        return 0
    failure = last.failure if last is not None else None
    return 3 if failure is not None and failure.kind in TARGET_KINDS else 4
