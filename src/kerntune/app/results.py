"""What a study found, as plain data for programs and as lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from kerntune.app.pasting import pasted
from kerntune.catalog import Catalog
from kerntune.model.trial import Ending, FailureKind, Result, Trial
from kerntune.model.verdict import Outcome
from kerntune.store import Run, RunState

TARGET_KINDS = {FailureKind.REFUSED, FailureKind.INTERFERENCE, FailureKind.TARGET}


def result_data(run: Run) -> dict[str, Any]:
    """Returns the result of a stored run as JSON-ready data.

    `improvement` is the verdict's gain in percent, `best_reward` and `baseline_reward` are medians of the
    objective's metric over the pairs the verdict rests on; `gain`, `low` and `high` are fractions, null where
    nothing was measured. `success` says that the study came to a verdict of its own accord.
    """
    result = run.result
    data: dict[str, Any] = {
        "success": result is not None and result.ending not in {Ending.FAILURES, Ending.INTERRUPTED},
        "workload_name": run.plan.workload.name,
        "run_id": run.run_id,
        "state": str(run.state),
        "target": run.plan.target,
        "kernel": run.setup.facts.kernel,
    }
    return data | (_found(result) if result is not None else {})


def _found(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    measured = verdict.pairs > 0
    return {
        "best_config": dict(result.best_config),
        "best_reward": result.best,
        "baseline_reward": result.baseline,
        "improvement": 100 * verdict.gain if measured else None,
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
    if result.ending is not Ending.FAILURES and result.verdict.outcome is not Outcome.INVALID:
        return 0
    failure = last.failure if last is not None else None
    return 3 if failure is not None and failure.kind in TARGET_KINDS else 4


def closing_lines(run: Run, catalog: Catalog) -> Iterator[str]:
    """Yields what to do next: how to apply the result, and where everything lies."""
    result = run.result
    if result is not None and result.minimal_config:
        there, back = pasted(result.minimal_config, run.setup.present or {}, catalog)
        yield ""
        yield "Everything is as it was before. To have it now, as root (until a restart):"
        yield from (f"  {line}" for line in there)
        yield "and back:"
        yield from (f"  {line}" for line in back)
        yield f"To keep it, also after a restart: kerntune apply {run.run_id}"
    yield ""
    if run.state in {RunState.INTERRUPTED, RunState.DIED}:
        yield f"Go on with it: kerntune resume {run.run_id}"
    yield f"All samples are stored: kerntune show {run.run_id}"
