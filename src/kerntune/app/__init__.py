"""Puts the parts together: the only package that knows every one of them and reads the environment.

`tune` is the main job as a function; the command line is built of the same calls.
"""

from kerntune.app.doctor import Finding, examined, readings
from kerntune.app.history import (
    compared,
    exported,
    objective_unit,
    run_of,
    running_lines,
    runs,
    shown,
    to_resume,
    write_text,
)
from kerntune.app.machine import applied_now, taken_back
from kerntune.app.main_job import tune
from kerntune.app.outlook import Outlook, looked_at, outlook_data
from kerntune.app.planning import Benchmark, Wishes, make_plan, plan_text, read_plan
from kerntune.app.plugins import plugin, plugins
from kerntune.app.results import closing_lines, exit_status, result_data
from kerntune.app.settings import Settings, settings
from kerntune.app.trying import Run as TriedRun
from kerntune.app.trying import Spread, spreads, tried
from kerntune.app.tuning import Tuning, tuning

__all__ = [
    "Benchmark",
    "Finding",
    "Outlook",
    "Settings",
    "Spread",
    "TriedRun",
    "Tuning",
    "Wishes",
    "applied_now",
    "closing_lines",
    "compared",
    "examined",
    "exit_status",
    "exported",
    "looked_at",
    "make_plan",
    "objective_unit",
    "outlook_data",
    "plan_text",
    "plugin",
    "plugins",
    "read_plan",
    "readings",
    "result_data",
    "run_of",
    "running_lines",
    "runs",
    "settings",
    "shown",
    "spreads",
    "taken_back",
    "to_resume",
    "tried",
    "tune",
    "tuning",
    "write_text",
]
