"""The commands `kerntune workloads …`: what kerntune can run, and how steady it is on this machine."""

import json
from typing import Annotated

import typer

from kerntune.cli.shown import explained, say, say_json
from kerntune.errors import InputError

workloads = typer.Typer(help="What kerntune can run by itself, and how steady it is here.")


@workloads.callback(invoke_without_command=True)
def _listed_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_workloads()


@workloads.command("list")
@explained
def list_workloads() -> None:
    """List the workloads."""
    from kerntune import app as kerntune

    names = sorted(kerntune.plugins("workloads"))
    width = max(map(len, names))
    for name in names:
        workload = kerntune.plugin("workloads", name)
        say(f"{name:<{width}}  {(workload.__doc__ or '').splitlines()[0]}")


@workloads.command("try")
@explained
def try_workload(
    name: Annotated[str, typer.Argument(help="A workload, see `kerntune workloads list`.")],
    *,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="One of its options, NAME=VALUE.")
    ] = None,
    runs: Annotated[int, typer.Option(min=2, max=1000, help="Runs after the warm-up.")] = 8,
    target: Annotated[str, typer.Option(help="Where to run it: host or netns.")] = "host",
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Run a workload several times at the present values, and say how much its figures vary here.

    No knob is written. kerntune workloads try pgbench -o mode=read-only --runs 10
    """
    from dataclasses import asdict

    from kerntune import app as kerntune
    from kerntune.report.text import number, percent

    found = []
    for run in kerntune.tried(name, options(option or []), kerntune.settings(), target=target, runs=runs):
        found.append(run)
        figures = ", ".join(f"{metric.name} {number(metric.value)} {metric.unit}" for metric in run.metrics)
        say(f"run {len(found):>3}  {run.wall_s:5.1f} s  {figures}", error=as_json)
    spreads = kerntune.spreads(found)
    if as_json:
        say_json([asdict(spread) for spread in spreads])
        return
    for spread in spreads:
        reach = f"{number(spread.lowest)} to {number(spread.highest)}"
        say(
            f"{spread.metric.name}: median {number(spread.median)} {spread.metric.unit} ({reach}), "
            f"noise {percent(spread.noise, signed=False)} from run to run, n = {spread.runs}"
        )


def options(given: list[str]) -> dict[str, object]:
    """Returns options from NAME=VALUE words; a value that reads as JSON is taken so, else as text.

    Raises:
        InputError: a word has no "=".
    """
    found: dict[str, object] = {}
    for word in given:
        name, sign, value = word.partition("=")
        if not sign or not name:
            msg = f"{word!r} is no option: write NAME=VALUE"
            raise InputError(msg, hint="for instance --option duration_s=2")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            found[name] = value
    return found
