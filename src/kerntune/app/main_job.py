"""The main job as one function: a sentence in, a verdict out."""

from typing import Any

from kerntune.app.history import run_of
from kerntune.app.planning import Wishes, make_plan
from kerntune.app.results import result_data
from kerntune.app.settings import Settings, settings
from kerntune.app.tuning import tuning


def tune(goal: str, wishes: Wishes | None = None, *, here: Settings | None = None) -> dict[str, Any]:
    """Finds settings that are measurably better for a workload; returns what `kerntune tune --json` prints.

    Args:
        goal: One sentence: "bulk file transfer over a long-distance link".
        wishes: What you want otherwise than the planner: target, budget, optimizer, your own benchmark.
        here: Where state is kept; the user's state directory if not given.

    Returns:
        `success, workload_name, best_config, best_reward, baseline_reward, improvement` (percent),
        `total_episodes, run_id, verdict` (outcome, gain, low, high as fractions, pairs), `minimal_config` and
        more; see docs/reference/results.md.

    Raises:
        KerntuneError: Wrong input, or the target, the hand, the workload or the store failed.
    """
    here = here or settings()
    plan = make_plan(goal, wishes)
    with tuning(plan, here) as study:
        for _ in study:
            pass
        run_id = study.run_id
    return result_data(run_of(here, run_id))
