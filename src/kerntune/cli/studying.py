"""A study as the command line follows it: its options, a look beforehand, consent, and its end."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from kerntune.cli.shown import EXIT_INTERRUPTED, say, say_json, say_lines
from kerntune.errors import InputError
from kerntune.model.plan import Direction, Plan
from kerntune.model.trial import Past, Trial, TrialDone


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
        """Returns the plan for a sentence.

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


def dry_run(plan: Plan, *, as_json: bool, notes: Sequence[str] = ()) -> None:
    """Shows what a plan comes to on its target; nothing is written, no workload is run.

    `notes` are those on the plan's file.
    """
    from kerntune import app, catalog
    from kerntune.report import outlook, text

    knobs = catalog.load()
    with app.looked_at(plan, app.settings(), knobs) as found:
        if as_json:
            say_json(app.outlook_data(found, notes))
            return
        console = Console()
        say_lines((f"note: {note}" for note in notes), console)
        say_lines(text.plan_lines(plan, found.brief.metric.unit), console, indent=10)
        say_lines(["", *outlook.knob_lines(found.brief.space, found.owners, found.moved)], console, indent=4)
        say_lines(found.limits, console, indent=2)
        say_lines(["", *outlook.dry_lines(found.brief.space, found.starts)], console, indent=4)


def consented(knobs: Iterable[str], console: Console) -> bool:
    """Shows every knob of the machine that may be turned, and asks once.

    Raises:
        InputError: There is nobody to ask.
    """
    say_lines(["This machine's own knobs will be turned, and turned back:"], console)
    say_lines(knobs, console, indent=4)
    if not sys.stdin.isatty():
        msg = "nobody is there to be asked whether this machine's knobs may be turned"
        raise InputError(msg, hint="say --yes, or look first with --dry-run")
    return typer.confirm("Go on?", default=False, err=True)


def studied(
    plan: Plan, *, as_json: bool, past: Past | None = None, yes: bool = False, notes: Sequence[str] = ()
) -> None:
    """Carries out a plan, shows it live, prints the result, and exits with its status.

    Without `yes` the user is asked before the machine's own knobs are turned. `notes` are those on the plan's
    file.
    """
    from kerntune import app
    from kerntune.cli.screen import screen
    from kerntune.report import outlook, text

    console = Console(stderr=as_json)
    here = app.settings()
    last: Trial | None = None
    with app.tuning(plan, here, past=past, notes=notes) as tuning:
        unit = tuning.brief.metric.unit
        say_lines(text.plan_lines(plan, unit), console, indent=10)
        say_lines([f"Run       {tuning.run_id}", ""], console)
        found = tuning.outlook
        knobs = outlook.knob_lines(found.brief.space, found.owners, found.moved)
        if found.is_felt and not yes and not consented(knobs, console):
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
    say_lines(app.closing_lines(here, run), console)
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
    """Asks root whether what a study found is to be applied permanently, showing the change first."""
    import time

    from kerntune.app import keeping, settings

    here = settings()
    if os.geteuid() != 0:
        return  # the closing lines name the command
    proposal = keeping.proposed(here, keeping.recommended(here, run_id), time.time())
    say("\nTo apply it permanently would change:")
    for line in keeping.proposal_lines(proposal):
        say(line)
    proposal.check(overwrite=False)
    if typer.confirm("Apply permanently?", default=False, err=True):
        for line in keeping.kept_lines(keeping.keeper(here).apply(proposal)):
            say(line)
