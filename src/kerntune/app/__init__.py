"""Puts the parts together: the only package that knows every one of them and reads the environment.

`tune` is the main job as a function; the command line is built of the same calls.
"""

from kerntune.app.configs import plan_from
from kerntune.app.doctor import Finding, examined, readings
from kerntune.app.history import (
    compared,
    exported,
    front_lines,
    objective_unit,
    run_of,
    running_lines,
    runs,
    shown,
    to_resume,
    write_text,
)
from kerntune.app.installing import installed, removed
from kerntune.app.keeping import (
    FORMS,
    Recommendation,
    closing_lines,
    difference_lines,
    exported_as,
    keeper,
    kept_id,
    kept_lines,
    kernel,
    paste_lines,
    proposal_lines,
    proposed,
    recommended,
    recommended_in,
    verified,
    write_files,
)
from kerntune.app.machine import applied_now, taken_back
from kerntune.app.main_job import tune
from kerntune.app.outlook import Outlook, looked_at, outlook_data
from kerntune.app.pasting import pasted
from kerntune.app.planning import Benchmark, Wishes, make_plan, plan_text
from kerntune.app.plugins import plugin, plugins
from kerntune.app.results import exit_status, result_data
from kerntune.app.settings import Settings, settings
from kerntune.app.trying import Spread, Tried, spreads, tried
from kerntune.app.tuning import Tuning, tuning

__all__ = [
    "FORMS",
    "Benchmark",
    "Finding",
    "Outlook",
    "Recommendation",
    "Settings",
    "Spread",
    "Tried",
    "Tuning",
    "Wishes",
    "applied_now",
    "closing_lines",
    "compared",
    "difference_lines",
    "examined",
    "exit_status",
    "exported",
    "exported_as",
    "front_lines",
    "installed",
    "keeper",
    "kept_id",
    "kept_lines",
    "kernel",
    "looked_at",
    "make_plan",
    "objective_unit",
    "outlook_data",
    "paste_lines",
    "pasted",
    "plan_from",
    "plan_text",
    "plugin",
    "plugins",
    "proposal_lines",
    "proposed",
    "readings",
    "recommended",
    "recommended_in",
    "removed",
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
    "verified",
    "write_files",
    "write_text",
]
