"""What every command shares: options, how errors are explained, and a study followed to its end."""

import functools
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from kerntune.errors import InputError, KerntuneError, StoreError, TargetError, WorkloadError
from kerntune.model.plan import Direction, Plan
from kerntune.model.space import Space
from kerntune.model.trial import Past, Trial, TrialDone

EXIT_INTERRUPTED = 130
EXITS: Sequence[tuple[type[KerntuneError], int]] = (
    (InputError, 2),
    (TargetError, 3),
    (WorkloadError, 4),
    (StoreError, 5),
)

PIPED_WIDTH = 240
"""Columns of a table that is piped: wide enough that nothing is wrapped or cut."""

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Options:
    """What `tune` and `plan` can be told besides the sentence."""

    target: str | None
    trials: int | None
    time_s: float | None
    optimizer: str | None
    seed: int | None
    command: str | None
    metric: str | None
    reader: str
    minimize: bool
    timeout_s: float
    policy: Path | None = None
    starts: tuple[Path, ...] = ()

    def plan_for(self, goal: str) -> Plan:
        """Returns the plan for a sentence; on a terminal an unclear one is asked about.

        Raises:
            InputError: The sentence or an option is wrong.
        """
        from kerntune import app

        benchmark = None
        if self.command is not None and self.metric is not None:
            direction = Direction.MINIMIZE if self.minimize else Direction.MAXIMIZE
            benchmark = app.Benchmark(
                self.command, self.metric, self.reader, direction, timeout_s=self.timeout_s
            )
        elif self.command is not None or self.metric is not None:
            msg = "--command and --metric go together"
            raise InputError(msg, hint="which number of the command's output is to get better?")
        wishes = app.Wishes(
            self.target,
            self.optimizer,
            self.seed,
            self.trials,
            self.time_s,
            benchmark,
            self.policy,
            self.starts,
        )
        return app.make_plan(goal, wishes)


def exit_status(error: KerntuneError) -> int:
    """Returns the exit status for an error: the kind of thing the user has to look at."""
    return next((status for kind, status in EXITS if isinstance(error, kind)), 1)


def say(what: object, *, error: bool = False) -> None:
    """Prints on standard output, or standard error."""
    console = Console(stderr=error)
    if isinstance(what, Table):
        Console(width=None if console.is_terminal else PIPED_WIDTH, stderr=error).print(what)
    else:
        say_lines([str(what)], console)


def say_lines(lines: Iterable[str], console: Console, *, style: str = "", indent: int = 0) -> None:
    """Prints lines as they are, without markup, whatever they hold.

    With `indent` a line that is longer than the terminal goes on that far to the right; a pipe gets it whole.
    """
    for line in lines:
        if indent and console.is_terminal and len(line) > console.width:
            line = textwrap.fill(line, console.width, subsequent_indent=" " * indent)  # noqa: PLW2901
        console.print(line, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def say_json(value: object) -> None:
    """Prints a value as JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """Wraps a command: an error of ours becomes a few lines on standard error and an exit status."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KerntuneError as error:
            explain(error)
            raise typer.Exit(exit_status(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None

    return wrapped


def explain(error: KerntuneError) -> None:
    """Prints an error, the end of the workload's output if it has any, and its hint on standard error."""
    from kerntune.report import text

    console = Console(stderr=True)
    say_lines([f"error: {error}"], console, style="red")
    if isinstance(error, WorkloadError) and error.tail:
        say_lines(text.tail_lines(error.tail), console)
    if error.hint:
        say_lines([f"hint: {error.hint}"], console)


def dry_run(plan: Plan, *, as_json: bool) -> None:
    """Shows what a plan comes to on its target; nothing is written, no workload is run."""
    from kerntune import app, catalog
    from kerntune.report import outlook, text

    knobs = catalog.load()
    with app.looked_at(plan, app.settings(), knobs) as found:
        if as_json:
            say_json(app.outlook_data(found))
            return
        console = Console()
        say_lines(text.plan_lines(plan, found.brief.metric.unit), console, indent=10)
        say_lines(["", *outlook.knob_lines(found.brief.space, found.owners)], console, indent=4)
        say_lines(found.limits, console, indent=2)
        say_lines(["", *outlook.dry_lines(found.brief.space, found.starts)], console, indent=4)


def consented(space: Space, owners: Mapping[str, str], console: Console) -> bool:
    """Shows every knob of the machine that may be turned, and asks once.

    Raises:
        InputError: There is nobody to ask.
    """
    from kerntune.report import outlook

    say_lines(["This machine's own knobs will be turned, and turned back:"], console)
    say_lines(outlook.knob_lines(space, owners), console, indent=4)
    if not sys.stdin.isatty():
        msg = "nobody is there to be asked whether this machine's knobs may be turned"
        raise InputError(msg, hint="say --yes, or look first with --dry-run")
    return typer.confirm("Go on?", default=False, err=True)


def studied(plan: Plan, *, as_json: bool, past: Past | None = None, yes: bool = False) -> None:
    """Carries out a plan, shows it live, prints the result, and exits with its status.

    Without `yes` the user is asked before the machine's own knobs are turned.
    """
    from kerntune import app, catalog
    from kerntune.cli.screen import screen
    from kerntune.report import text

    console = Console(stderr=as_json)
    here = app.settings()
    last: Trial | None = None
    with app.tuning(plan, here, past=past) as tuning:
        unit = tuning.brief.metric.unit
        say_lines(text.plan_lines(plan, unit), console, indent=10)
        say_lines([f"Run       {tuning.run_id}", ""], console)
        found = tuning.outlook
        if found.is_felt and not yes and not consented(found.brief.space, found.owners, console):
            raise typer.Exit(EXIT_INTERRUPTED)
        with screen(console, plan) as view:
            for event in tuning:
                view.show(event)
                last = event.trial if isinstance(event, TrialDone) else last
    run = app.run_of(here, tuning.run_id)
    assert run.result is not None
    console.print()
    say_lines(text.summary_lines(run.result, plan, run.setup.present or {}, unit), console, indent=2)
    say_lines(app.front_lines(here, run.run_id), console)
    say_lines(app.closing_lines(run, catalog.load()), console)
    if as_json:
        say_json(app.result_data(run))
    status = app.exit_status(run.result, last)
    if last is not None and last.failure is not None and status in {3, 4}:
        say_lines(text.failure_lines(last.failure), Console(stderr=True))
    if status:
        raise typer.Exit(status)
    if run.result.minimal_config and tuning.outlook.is_felt and sys.stdin.isatty() and not as_json:
        offer_to_keep(run.run_id)


def offer_to_keep(run_id: str) -> None:
    """Asks whether what a study found is to be applied permanently, showing the change first."""
    import time

    from kerntune import app

    here = app.settings()
    proposal = app.proposed(here, app.recommended(here, run_id), time.time())
    say("\nTo apply it permanently would change:")
    for line in app.proposal_lines(proposal):
        say(line)
    if typer.confirm("Apply permanently?", default=False, err=True):
        for line in app.kept_lines(app.keeper(here).apply(proposal)):
            say(line)
