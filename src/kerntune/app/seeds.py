"""The two functions that programs written for reinforcement-learning tuners call, with their result keys."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

from kerntune.app.configs import Source, path_of, plan_from
from kerntune.app.history import run_of
from kerntune.app.outlook import looked_at, outlook_data
from kerntune.app.planning import Wishes, wished
from kerntune.app.results import result_data
from kerntune.app.settings import Settings, settings
from kerntune.app.tuning import tuning
from kerntune.catalog import load
from kerntune.model.plan import Plan


def optimize_os_parameters(  # noqa: PLR0913 - programs call it with these names
    config: Source,
    *,
    dry_run: bool = False,
    show_dashboard: bool = False,
    web_host: str = "127.0.0.1",
    web_port: int = 5000,
    skip_missing: bool = False,
    wishes: Wishes | None = None,
    here: Settings | None = None,
) -> dict[str, Any]:
    """Carries out a config on this machine, undoes every trial, and returns what was found.

    Args:
        config: The config as a mapping, a plan, or the path of its file.
        dry_run: Only says what would be tried: reads knobs, writes nothing and runs nothing.
        show_dashboard: Accepted; there is no dashboard yet, and a note says so.
        web_host: Of the dashboard.
        web_port: Of the dashboard.
        skip_missing: Goes on without knobs that this kernel's catalogue does not have.
        wishes: What is wanted otherwise than the config says.
        here: Where state is kept; the user's state directory if not given.

    Returns:
        `success, workload_name, best_config, best_reward, baseline_reward, improvement` (percent),
        `total_episodes, notes` and everything else of docs/reference/results.md. `best_reward` and
        `baseline_reward` are medians of the config's metric itself. Where no config was better than the
        present values, `best_config` is empty and `improvement` is 0. Of a study that failed they are None.
        With `dry_run` the same keys, empty, with `knobs` (path, present value, what would be tried) and
        `written`, which is empty.

    Raises:
        InputError: the config is no mapping, plan or path.
        PlanError: every fault of the config.
        KerntuneError: the target, the hand or the workload cannot be had.
    """
    plan, notes = plan_from(config, skip_missing=skip_missing)
    if wishes is not None:
        plan = wished(plan, wishes)
    here = here or settings()
    notes = (*notes, *_dashboard_notes(show_dashboard, web_host, web_port))
    if dry_run:
        with looked_at(plan, here, load()) as found:
            return outlook_data(found, notes)
    return _carried_out(plan, here, notes)


def run_rl_optimization(  # noqa: PLR0913 - programs call it with these names
    config_path: str | PathLike[str],
    *,
    dry_run: bool = False,
    show_dashboard: bool = False,
    web_host: str = "127.0.0.1",
    web_port: int = 5000,
    skip_missing: bool = False,
    wishes: Wishes | None = None,
    here: Settings | None = None,
) -> dict[str, Any]:
    """Carries out the config in a file; arguments and result are those of `optimize_os_parameters`.

    Raises:
        InputError: it is no path.
        PlanError: the file cannot be read, or every fault of the config.
        KerntuneError: the target, the hand or the workload cannot be had.
    """
    return optimize_os_parameters(
        path_of(config_path),
        dry_run=dry_run,
        show_dashboard=show_dashboard,
        web_host=web_host,
        web_port=web_port,
        skip_missing=skip_missing,
        wishes=wishes,
        here=here,
    )


def _carried_out(plan: Plan, here: Settings, notes: Sequence[str]) -> dict[str, Any]:
    with tuning(plan, here, notes=notes) as study:
        for _ in study:
            pass
        run_id = study.run_id
    return result_data(run_of(here, run_id))


def _dashboard_notes(wanted: bool, host: str, port: int) -> Sequence[str]:  # noqa: FBT001 - one of three
    if not wanted:
        return ()
    return (f"there is no dashboard yet, nothing listens on {host}:{port}; kerntune show prints a run",)
