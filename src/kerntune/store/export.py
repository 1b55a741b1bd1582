"""A stored run as text for other programs: everything as JSON, or one line a workload run as CSV."""

import csv
import io
import json
from collections.abc import Iterator, Sequence

from kerntune.errors import InputError
from kerntune.model.knob import Config
from kerntune.model.measurement import Sample
from kerntune.model.trial import Trial
from kerntune.store.codec import plain
from kerntune.store.history import History
from kerntune.store.records import Run

FORMATS = ("csv", "json")

FIXED = (
    *("run_id", "trial", "stage", "origin", "outcome", "gain", "failure"),
    *("role", "pair", "is_first", "started_at", "wall_s"),
)
"""The columns that every table has, in this order; those of knobs, metrics and telemetry follow."""

Row = dict[str, object]


def export(history: History, run_id: str, form: str) -> str:
    """Returns a run as text in one of FORMATS.

    JSON holds the run, its plan and setup, every trial with all samples, the unfinished ones, the notes, the
    result. CSV has one line for each run of the workload, columns `metric:…`, `knob:…` (the config it ran
    with) and `telemetry:…`; a trial that failed before any run ended has a line without metrics.

    Raises:
        InputError: no such run, or no such format.
    """
    run, trials = history.run(run_id), history.trials(run_id)
    if form == "json":
        whole = {
            "run": run,
            "trials": trials,
            "unfinished": history.unfinished(run_id),
            "notes": history.notes(run_id),
        }
        return json.dumps(plain(whole), indent=2, allow_nan=False) + "\n"
    if form == "csv":
        return _table(run, trials)
    msg = f"cannot export as {form!r}"
    what = "every sample; what a run recommends: sysctl, shell, tuned, ansible"
    raise InputError(msg, hint=f"formats: {', '.join(FORMATS)}: {what}")


def _table(run: Run, trials: Sequence[Trial]) -> str:
    rows = [row for trial in trials for row in _trial_rows(run, trial)]
    named = sorted({name for row in rows for name in row} - set(FIXED))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*FIXED, *named], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _trial_rows(run: Run, trial: Trial) -> Iterator[Row]:
    comparison = trial.comparison
    head: Row = {
        "run_id": run.run_id,
        "trial": trial.number,
        "stage": str(comparison.stage),
        "origin": comparison.origin,
        "outcome": str(trial.verdict.outcome) if trial.verdict else "",
        "gain": trial.verdict.gain if trial.verdict else "",
        "failure": str(trial.failure.kind) if trial.failure else "",
    }
    reference, candidate = _knobs(comparison.reference), _knobs(comparison.candidate)
    for position, warmup in enumerate(trial.measurement.warmups):
        yield {**head, "role": "warmup", "pair": position, "is_first": 1, **_sample(warmup), **reference}
    for position, pair in enumerate(trial.measurement.pairs):
        lead = int(pair.reference_first)
        where = {"pair": position}
        yield {**head, "role": "reference", **where, "is_first": lead, **_sample(pair.reference), **reference}
        yield {
            **head,
            "role": "candidate",
            **where,
            "is_first": 1 - lead,
            **_sample(pair.candidate),
            **candidate,
        }
    if not trial.measurement.pairs and not trial.measurement.warmups:
        yield {**head, "role": "candidate", **candidate}


def _sample(sample: Sample) -> Row:
    metrics = {f"metric:{metric.name}": metric.value for metric in sample.metrics}
    telemetry = {f"telemetry:{name}": value for name, value in sample.telemetry.items()}
    return {"started_at": sample.started_at, "wall_s": sample.wall_s, **metrics, **telemetry}


def _knobs(config: Config) -> Row:
    return {f"knob:{name}": value for name, value in config.items()}
