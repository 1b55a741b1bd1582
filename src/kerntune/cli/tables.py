"""Tables of stored studies."""

from collections.abc import Sequence
from datetime import datetime

from rich.table import Column, Table

from kerntune import catalog
from kerntune.report import text
from kerntune.store import Run


def runs_table(runs: Sequence[Run]) -> Table:
    """Returns the stored studies, one a row."""
    table = Table(
        Column("run", no_wrap=True),
        "began",
        "state",
        "workload",
        "trials",
        "outcome",
        "gain [95 %]",
        "goal",
        box=None,
    )
    for run in runs:
        verdict = run.result.verdict if run.result else None
        table.add_row(
            run.run_id,
            _moment(run.began_at),
            str(run.state),
            run.plan.workload.name,
            str(run.trials),
            str(verdict.outcome) if verdict else "",
            text.interval(verdict) if verdict else "",
            run.plan.goal,
        )
    return table


def knobs_table(rows: Sequence[catalog.Row]) -> Table:
    """Returns knobs with their present value, or why they cannot be turned, one a row."""
    table = Table(Column("knob", no_wrap=True), "present", "values", "risk", "meaning", box=None)
    for row in rows:
        if row.absence is not None:
            present = f"({row.absence.reason}) {row.absence.detail}"
        else:
            present = "" if row.present is None else str(row.present)
        table.add_row(row.knob.name, present, catalog.domain_text(row.knob), row.knob.risk, row.knob.meaning)
    return table


def comparison_table(one: Run, other: Run) -> Table:
    """Returns two studies side by side."""
    table = Table("", one.run_id, other.run_id, box=None)
    rows = zip(_facts(one), _facts(other), strict=True)
    for (name, left), (_, right) in rows:
        table.add_row(name, left, right)
    return table


def _facts(run: Run) -> list[tuple[str, str]]:
    result = run.result
    objective = run.plan.objective
    return [
        ("goal", run.plan.goal),
        ("workload", f"{run.plan.workload.name} {dict(run.plan.workload.options)}"),
        ("objective", f"{objective.direction} {objective.metric}"),
        ("kernel", run.setup.facts.kernel),
        ("state", str(run.state)),
        ("outcome", str(result.verdict.outcome) if result else ""),
        ("gain [95 %]", text.interval(result.verdict) if result else ""),
        ("baseline", text.number(result.baseline) if result else ""),
        ("best", text.number(result.best) if result else ""),
        (
            "noise",
            f"{text.percent(result.noise.run_to_run, signed=False)}" if result and result.noise else "",
        ),
        ("what matters", text.assignments(result.minimal_config) if result else ""),
        ("trials", f"{run.trials}, {run.failures} failed"),
        ("seconds", f"{result.wall_s:.0f}" if result else ""),
    ]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
