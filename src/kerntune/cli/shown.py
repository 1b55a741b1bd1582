"""What every command shares: how it prints, and how errors are explained."""

import functools
import json
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from kerntune.errors import InputError, KerntuneError, StoreError, TargetError, WorkloadError

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
