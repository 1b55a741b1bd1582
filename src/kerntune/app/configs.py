"""Plans as programs hand them over: made already, as a mapping, or as a file; plan files, RL configs."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from kerntune.app.planning import known
from kerntune.catalog import load
from kerntune.errors import Fault, PlanError
from kerntune.model.plan import Plan
from kerntune.planfile import load_plan, parse_plan

Source = Plan | Mapping[str, Any] | str | PathLike[str]


def plan_from(source: Source, *, skip_missing: bool = False) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan that a program means, and notes on what of it cannot be honoured.

    The benchmark command of a reinforcement-learning config runs in this process's directory.

    Raises:
        PlanError: every fault of it.
        InputError: the file cannot be read.
    """
    if isinstance(source, Plan):
        return source, ()
    here = Path.cwd()
    if not isinstance(source, Mapping):
        return load_plan(Path(source), load(), known(), skip_missing=skip_missing, directory=here)
    return parse_plan(
        _text(source), load(), known(), source="config", skip_missing=skip_missing, directory=here
    )


def _text(config: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(config))
    except (TypeError, ValueError, RecursionError) as error:
        source = "config"
        fault = Fault(source, type(config).__name__, f"holds no JSON: {error}")
        raise PlanError(source, [fault]) from error
