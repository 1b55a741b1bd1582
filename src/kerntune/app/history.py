"""What was stored: listed, shown, compared, exported, and read back to be resumed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from kerntune import host
from kerntune.app.plugins import plugin
from kerntune.app.settings import Settings
from kerntune.errors import InputError
from kerntune.model.plan import Plan
from kerntune.model.trial import Past
from kerntune.report import pareto, text
from kerntune.store import History, Run, RunState, export


def runs(here: Settings) -> Sequence[Run]:
    """Returns the stored runs, the newest first; none when there is no store yet."""
    if not here.store_path.exists():
        return ()
    with History.open(here.store_path) as history:
        return history.runs()


def running_lines(here: Settings) -> Iterator[str]:
    """Yields the studies that are being carried out now; those in a sandbox change nothing here."""
    for run in runs(here):
        if run.state is RunState.RUNNING:
            yield f"running: {run.run_id} on {run.plan.target}, process {run.owner.pid}: {run.plan.goal}"


def run_of(here: Settings, name: str) -> Run:
    """Returns the run with this name, or the only one whose name begins or ends so.

    Raises:
        InputError: There is none, or there are several.
    """
    with _opened(here) as history:
        return history.run(history.find(name))


def to_resume(here: Settings, name: str) -> tuple[Plan, Past]:
    """Returns the plan and the past of a stored run.

    Raises:
        InputError: There is no such run, or it was made on a machine that differs from this one.
    """
    with _opened(here) as history:
        run = history.run(history.find(name))
        differences = host.comparable(run.setup.facts, host.facts())
        if differences:
            msg = f"cannot resume {run.run_id}: it began on another machine ({'; '.join(differences)})"
            raise InputError(msg, hint="measurements of two machines must not be mixed: start it anew")
        return run.plan, Past(run.run_id, history.trials(run.run_id))


def shown(here: Settings, name: str) -> Iterator[str]:
    """Yields a stored run in lines: every trial, and the answer."""
    with _opened(here) as history:
        run = history.run(history.find(name))
        setup = run.setup
        yield f"Run       {run.run_id}, {run.state}, Linux {setup.facts.kernel}, kerntune {setup.version}"
        unit = objective_unit(run)
        yield from text.plan_lines(run.plan, unit)
        yield ""
        for trial in history.trials(run.run_id):
            yield text.trial_line(trial)
        for trial in history.unfinished(run.run_id):
            yield f"{text.trial_line(trial)} (cut off by a crash, not used)"
        yield ""
        if run.result is None:
            yield f"No result: {run.reason or run.state}"
        else:
            yield from text.summary_lines(run.result, run.plan, setup.present or {}, unit)
            yield from pareto.front_lines(history.trials(run.run_id), run.plan)


def front_lines(here: Settings, name: str) -> Iterator[str]:
    """Yields the trade-offs of a stored run with several objectives; nothing where it has one."""
    with _opened(here) as history:
        run_id = history.find(name)
        yield from pareto.front_lines(history.trials(run_id), history.run(run_id).plan)


def objective_unit(run: Run) -> str:
    """Returns the unit of a run's objective, empty when its workload is not installed any more."""
    try:
        workload = plugin("workloads", run.plan.workload.name)(run.plan.workload.options)
    except InputError:
        return ""
    metrics = workload.metrics(run.setup.link)
    return next((metric.unit for metric in metrics if metric.name == run.plan.objective.metric), "")


def compared(here: Settings, first: str, second: str) -> tuple[Run, Run, tuple[str, ...]]:
    """Returns two runs and the differences that forbid comparing their numbers, none if they may be."""
    one, other = run_of(here, first), run_of(here, second)
    differences = [*host.comparable(one.setup.facts, other.setup.facts)]
    if one.plan.workload != other.plan.workload:
        differences.append("the workloads differ")
    if one.setup.link != other.setup.link:
        differences.append("the links differ")
    return one, other, tuple(differences)


def exported(here: Settings, name: str, form: str) -> str:
    """Returns every sample of a run as text, in one of the store's formats.

    Raises:
        InputError: The format is not known, or there is no such run.
    """
    with _opened(here) as history:
        return export(history, history.find(name), form)


def _opened(here: Settings) -> History:
    if not here.store_path.exists():
        msg = f"no study has been stored yet in {here.store_path}"
        raise InputError(msg, hint='try: kerntune tune "bulk file transfer over a long-distance link"')
    return History.open(here.store_path)


def write_text(path: Path, content: str) -> None:
    """Writes a file of the user's.

    Raises:
        InputError: It cannot be written.
    """
    try:
        path.write_text(content)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}"
        raise InputError(msg, hint="name a file in a directory that exists and is yours") from error
