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
from kerntune.app.main_job import tune
from kerntune.app.planning import Benchmark, Wishes, make_plan, plan_text, read_plan
from kerntune.app.plugins import plugin, plugins
from kerntune.app.results import closing_lines, exit_status, result_data
from kerntune.app.settings import Settings, settings
from kerntune.app.tuning import Tuning, tuning

__all__ = [
    "Benchmark",
    "Finding",
    "Settings",
    "Tuning",
    "Wishes",
    "closing_lines",
    "compared",
    "examined",
    "exit_status",
    "exported",
    "make_plan",
    "objective_unit",
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
    "to_resume",
    "tune",
    "tuning",
    "write_text",
]
