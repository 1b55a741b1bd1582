"""The commands that keep a result on this machine, compare, and take back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kerntune.cli.shown import explained, say, say_json
from kerntune.errors import InputError

RunOrStdin = Annotated[
    str, typer.Argument(help="A run, or - for a result as JSON on standard input.", metavar="RUN")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def asked(question: str, *, yes: bool) -> bool:
    """Returns whether the user agrees.

    Raises:
        InputError: There is nobody to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        msg = f"nobody is there to be asked: {question}"
        raise InputError(msg, hint="say --yes")
    return typer.confirm(question, default=False, err=True)


@explained
def apply(
    name: RunOrStdin,
    *,
    yes: Yes = False,
    until_restart: Annotated[
        bool,
        typer.Option("--until-restart", help="Only the running kernel, no files: a restart takes it back."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace files that somebody else wrote where ours go; a copy is kept."
        ),
    ] = False,
    printed: Annotated[
        bool, typer.Option("--print", help="Print shell lines for both directions, and change nothing.")
    ] = False,
) -> None:
    """Keep what a run recommends: now, and after every restart. The change is shown first.

    kerntune apply 20261120-2031

    kerntune show 20261120-2031 --json | sudo kerntune apply - --yes
    """
    import time

    from kerntune.app import keeping, settings
    from kerntune.hand.recovery import LEFT
    from kerntune.report.applied import recovered_lines

    here = settings()
    found = keeping.recommended_in(sys.stdin) if name == "-" else keeping.recommended(here, name)
    if printed:
        for line in keeping.paste_lines(here, found):
            typer.echo(line)
        return
    keeper = keeping.keeper(here)
    recovered = keeper.recover(f"(kerntune apply {found.run_id})")
    for line in recovered_lines(recovered, quiet=True):
        say(line)
    if any(one.state in LEFT for one in recovered):
        raise typer.Exit(3)
    proposal = keeping.proposed(here, found, time.time(), permanent=not until_restart)
    say(f"Run {found.run_id} ({found.verdict}) would change:")
    for line in keeping.proposal_lines(proposal):
        say(line)
    proposal.check(overwrite=overwrite)
    if not asked("Keep it?", yes=yes):
        raise typer.Exit(130)
    for line in keeping.kept_lines(keeper.apply(proposal, overwrite=overwrite)):
        say(line)


@explained
def undo(
    name: Annotated[
        str | None,
        typer.Argument(help="A run that is kept; without one, what is being tried.", metavar="RUN"),
    ] = None,
    *,
    yes: Yes = False,
) -> None:
    """Take back what is applied now, also what a crash left; with RUN what `apply` kept, months later too.

    A knob or file that somebody else has changed since is left alone and named. Exit status 3: something did
    not go back, or comes again with the next boot.
    """
    from kerntune.app import keeping, settings, taken_back
    from kerntune.hand.recovery import LEFT
    from kerntune.report.applied import recovered_lines

    if name is not None:
        undo_run(name, yes=yes)
        return
    here = settings()
    recovered = taken_back(here)
    for line in list(recovered_lines(recovered)) or ["nothing to undo"]:
        say(line)
    for kept in keeping.keeper(here).ledger.runs:
        say(f"run {kept.run_id} is kept; kerntune undo {kept.run_id} takes it back")
    if any(found.state in LEFT for found in recovered):
        raise typer.Exit(3)


def undo_run(name: str, *, yes: bool) -> None:
    """Takes a kept run back, showing first what that changes."""
    from kerntune.app import keeping
    from kerntune.report.applied import recovered_lines

    keeper = keeping.keeper(keeping.machine())
    run_id = keeping.kept_id(keeper.ledger, name)
    for line in recovered_lines(keeper.recover(f"(kerntune undo {run_id})"), quiet=True):
        say(line)
    for line in keeping.withdrawal_lines(keeper.withdraw(run_id, keeping.kernel())):
        say(line)
    if not asked(f"Take run {run_id} back?", yes=yes):
        raise typer.Exit(130)
    undone = keeper.undo(run_id)
    for line in keeping.undone_lines(undone, run_id):
        say(line)
    if undone.stuck or undone.lines:
        raise typer.Exit(3)


@explained
def verify(
    *, as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False
) -> None:
    """Compare this kernel and the files with what is kept. Exit status 1: something differs."""
    from dataclasses import asdict

    from kerntune.app import keeping
    from kerntune.keep import is_kept

    found = keeping.verified()
    if as_json:
        say_json([asdict(difference) for difference in found])
    elif not found:
        say("nothing is kept on this machine")
    for difference in () if as_json else found:
        for line in keeping.difference_lines(difference):
            say(line)
    if not is_kept(found):
        raise typer.Exit(1)


@explained
def diff(
    name: Annotated[
        str | None, typer.Argument(help="A run; without one, what is kept is compared.", metavar="RUN")
    ] = None,
) -> None:
    """Show what keeping a run would change; without RUN, what differs from what is kept."""
    import time

    from kerntune.app import keeping, settings

    if name is None:
        for difference in keeping.verified():
            if difference.state != "same":
                for line in keeping.difference_lines(difference):
                    say(line)
        return
    here = settings()
    found = keeping.recommended(here, name)
    for line in keeping.proposal_lines(keeping.proposed(here, found, time.time())):
        say(line)


@explained
def setup(
    *,
    unit: Annotated[
        str, typer.Option(help="A service that runs kerntune: values it was trying go back when it ends.")
    ] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove what was installed.")] = False,
) -> None:
    """Install, as root, the hand for sudo and units that recover at boot: then tuning needs no root.

    sudo kerntune setup
    """
    from kerntune import app as kerntune

    for line in kerntune.removed() if remove else kerntune.installed(kerntune.settings(), unit):
        say(line)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for command in (apply, undo, verify, diff, setup):
        app.command()(command)


def export_recommendation(name: str, form: str, output: Path | None) -> None:
    """Writes what a run recommends for another tool: one file, or into a directory."""
    from kerntune.app import keeping, settings

    here = settings()
    files = keeping.exported_as(here, keeping.recommended(here, name), form)
    if output is None:
        for text in files.values():
            sys.stdout.write(text)
        return
    for path in keeping.write_files(files, output):
        say(f"wrote {path}")
