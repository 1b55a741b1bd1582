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
        bool, typer.Option("--overwrite", help="Replace files of ours that somebody else has changed.")
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

    from kerntune import app as kerntune

    here = kerntune.settings()
    found = kerntune.recommended_in(sys.stdin) if name == "-" else kerntune.recommended(here, name)
    if printed:
        for line in kerntune.paste_lines(found):
            typer.echo(line)
        return
    proposal = kerntune.proposed(here, found, time.time(), permanent=not until_restart)
    say(f"Run {found.run_id} ({found.verdict}) would change:")
    for line in kerntune.proposal_lines(proposal):
        say(line)
    if not asked("Keep it?", yes=yes):
        raise typer.Exit(130)
    kept = kerntune.keeper(here).apply(proposal, overwrite=overwrite)
    for line in kerntune.kept_lines(kept):
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

    A knob or file that somebody else has changed since is left alone and named.
    """
    from kerntune import app as kerntune
    from kerntune.report.applied import outcome_lines, recovered_lines

    here = kerntune.settings()
    keeper = kerntune.keeper(here)
    if name is not None:
        run_id = kerntune.kept_id(keeper.ledger, name)
        withdrawal = keeper.withdraw(run_id, kerntune.kernel())
        for line in (*withdrawal.notes, *withdrawal.diff.splitlines()):
            say(line)
        if not asked(f"Take run {run_id} back?", yes=yes):
            raise typer.Exit(130)
        undone = keeper.undo(run_id)
        for line in (
            *outcome_lines(undone.outcomes),
            *(f"left as it is: {path}" for path in undone.left_files),
        ):
            say(line)
        say(f"run {run_id} is not kept any more")
        return
    for line in list(recovered_lines(kerntune.taken_back(here))) or ["nothing to undo"]:
        say(line)
    for kept in keeper.ledger.runs:
        say(f"run {kept.run_id} is kept; kerntune undo {kept.run_id} takes it back")


@explained
def verify(
    *, as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False
) -> None:
    """Compare this kernel and the files with what is kept. Exit status 1: something differs."""
    from kerntune import app as kerntune

    found = kerntune.verified(kerntune.settings())
    if as_json:
        say_json(found)
    elif not found:
        say("nothing is kept on this machine")
    for difference in () if as_json else found:
        for line in kerntune.difference_lines(difference):
            say(line)
    if any(difference["state"] != "same" for difference in found):
        raise typer.Exit(1)


@explained
def diff(
    name: Annotated[
        str | None, typer.Argument(help="A run; without one, what is kept is compared.", metavar="RUN")
    ] = None,
) -> None:
    """Show what keeping a run would change; without RUN, what differs from what is kept."""
    import time

    from kerntune import app as kerntune

    here = kerntune.settings()
    if name is None:
        for difference in kerntune.verified(here):
            if difference["state"] != "same":
                for line in kerntune.difference_lines(difference):
                    say(line)
        return
    found = kerntune.recommended(here, name)
    for line in kerntune.proposal_lines(kerntune.proposed(here, found, time.time())):
        say(line)


@explained
def setup(
    *,
    unit: Annotated[
        str, typer.Option(help="A service after whose end values that were being tried go back, too.")
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
    from kerntune import app as kerntune

    files = kerntune.exported_as(kerntune.recommended(kerntune.settings(), name), form)
    if output is None:
        for text in files.values():
            sys.stdout.write(text)
        return
    if len(files) == 1 and not output.is_dir():
        kerntune.write_text(output, next(iter(files.values())))
        say(f"wrote {output}")
        return
    for path in kerntune.write_files(files, output):
        say(f"wrote {path}")
