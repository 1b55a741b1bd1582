"""Opens what an environment for agents works on: the plan's target with its workload prepared on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from kerntune.app.configs import Source, plan_from
from kerntune.app.outlook import made_workload, open_target, outlook, prepared, with_link
from kerntune.app.settings import Settings, settings
from kerntune.catalog import load
from kerntune.hand import recovery
from kerntune.model.plan import Hint
from kerntune.rig import WorkloadRig
from kerntune.search import Brief


@contextmanager
def opened_rig(source: Source, here: Settings | None = None) -> Iterator[tuple[Brief, WorkloadRig]]:
    """Opens a plan's target, prepares its workload, and gives its brief and rig; leaving it leaves no trace.

    Raises:
        PlanError: every fault of the plan; or nothing is left of its knobs on this target.
        KerntuneError: the target or the workload cannot be had.
    """
    plan, _ = plan_from(source)
    here = here or settings()
    catalog, workload = load(), made_workload(plan)
    recovery.replay(here.journal_dir_of(plan.target))
    with open_target(plan, here, catalog, f"environment of process {os.getpid()}") as target:
        found = outlook(plan, target, catalog, workload)
        link = prepared(target, workload)
        space = found.brief.space
        hints = tuple(Hint(space.changed(config), "of the plan") for config in found.starts)
        brief = replace(with_link(found.brief, workload, link), plan=replace(plan, hints=hints))
        yield brief, WorkloadRig(target, workload)
