"""Plans as programs hand them over: made already, as a mapping, or as a file; plan files, RL configs."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from kerntune.app.outlook import made_workload
from kerntune.app.plugins import plugin, plugins
from kerntune.catalog import load
from kerntune.encoding import Axis, Cube, Task
from kerntune.errors import Fault, InputError, PlanError
from kerntune.model.plan import Plan
from kerntune.planfile import Known, check_plan, load_plan, parse_plan

Source = Plan | Mapping[str, Any] | str | PathLike[str]


def plan_from(source: Source, *, skip_missing: bool = False) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan that a program or a file means, and notes on what of it cannot be honoured.

    The benchmark command of a reinforcement-learning config runs in this process's directory. With
    `skip_missing`, knobs that kernels no longer have are left out with a note.

    Raises:
        PlanError: every fault of it; the file cannot be read.
        InputError: it is no plan, mapping or path.
    """
    if isinstance(source, Plan):
        return check_plan(source, load(), known()), ()
    here = Path.cwd()
    if not isinstance(source, Mapping):
        path = path_of(source)
        return load_plan(path, load(), known(), skip_missing=skip_missing, directory=here)
    return parse_plan(
        _text(source), load(), known(), source="config", skip_missing=skip_missing, directory=here
    )


def path_of(source: object) -> Path:
    """Returns the path of a config's file.

    Raises:
        InputError: it is none.
    """
    path = os.fspath(source) if isinstance(source, PathLike) else source
    if not isinstance(path, str):
        msg = f"the path of a config is text, not {type(source).__name__} ({source!r:.80})"
        raise InputError(msg, hint="optimize_os_parameters takes a mapping, or the path of a JSON file")
    if not path.strip():
        msg = "the path of the config is empty"
        raise InputError(msg, hint="optimize_os_parameters takes a mapping, or the path of a JSON file")
    if path.lstrip().startswith(("{", "[")):
        msg = f"this is no path but JSON: {path!r:.80}"
        raise InputError(msg, hint="json.loads makes a mapping of it, which optimize_os_parameters takes")
    return Path(path)


def known() -> Known:
    """Returns the names that plans may use, every registered plug-in's, and what these say of a plan."""
    return Known(
        workloads=frozenset(plugins("workloads")),
        optimizers=frozenset(plugins("optimizers")),
        targets=frozenset(plugins("targets")),
        examine=plug_in_faults,
    )


def plug_in_faults(plan: Plan) -> Iterator[Fault]:
    """Yields what a plan's workload and optimizer find wrong with it; names that are not registered pass."""
    if plan.workload.name in plugins("workloads"):
        yield from _workload_faults(plan)
    if plan.optimizer in plugins("optimizers"):
        yield from _optimizer_faults(plan)


def _workload_faults(plan: Plan) -> Iterator[Fault]:
    """Yields options that the workload does not take, and metrics that it does not give."""
    try:
        workload = made_workload(plan)
    except InputError as error:
        yield from _option_faults(error, "workload.options", plan.workload.options)
        return
    given = [metric.name for metric in workload.metrics(None)]
    asked = [("objective", plan.objective.metric)]
    asked += [(f"guards[{index}]", guard.metric) for index, guard in enumerate(plan.guards)]
    asked += [(f"also[{index}]", also.metric) for index, also in enumerate(plan.also)]
    for where, metric in asked:
        if metric not in given:
            problem = f"is no metric of {plan.workload.name}; it gives {', '.join(given)}"
            yield Fault(f"{where}.metric", metric, problem)


def _optimizer_faults(plan: Plan) -> Iterator[Fault]:
    """Yields options that the optimizer does not take; it is asked with one axis, whatever the knobs are."""
    task = Task(Cube((Axis(),)), (), plan.seed, plan.budget.trials, plan.optimizer_options)
    try:
        plugin("optimizers", plan.optimizer)(task)
    except InputError as error:
        yield from _option_faults(error, "optimizer_options", plan.optimizer_options)


def _option_faults(error: InputError, where: str, options: Mapping[str, object]) -> Iterator[Fault]:
    """Yields a plug-in's complaint as faults of its options."""
    if isinstance(error, PlanError):
        yield from (replace(fault, field=f"{where}.{fault.field}") for fault in error.faults)
    else:
        yield Fault(where, dict(options), f"{error}; {error.hint}" if error.hint else str(error))


def _text(config: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(config))
    except (TypeError, ValueError, RecursionError) as error:
        source = "config"
        fault = Fault(source, type(config).__name__, f"holds no JSON: {error}")
        raise PlanError(source, [fault]) from error
