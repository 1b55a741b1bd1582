"""The commands about knobs: list, show, search."""

from collections.abc import Mapping
from typing import Annotated

import typer

from kerntune.cli.shown import explained, say, say_json
from kerntune.errors import InputError
from kerntune.model.knob import Reading

knobs = typer.Typer(no_args_is_help=True, help="List, explain and search the knobs kerntune knows.")

On = Annotated[str, typer.Option("--target", help="The target whose present values are shown.")]
Offline = Annotated[bool, typer.Option("--offline", help="Only what the catalogue knows; no target is made.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@knobs.command("list")
@explained
def list_knobs(*, target: On = "host", offline: Offline = False, as_json: AsJson = False) -> None:
    """List every knob with its present value on a target, or why it cannot be turned there."""
    _rows("", target, offline=offline, as_json=as_json)


@knobs.command()
@explained
def search(
    text: Annotated[str, typer.Argument(help="Words of a name, a meaning or a workload.")],
    *,
    target: On = "host",
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Find knobs by words of their name, meaning or workload.

    kerntune knobs search "receive buffer"
    """
    _rows(text, target, offline=offline, as_json=as_json)


@knobs.command()
@explained
def show(
    name: Annotated[str, typer.Argument(help="A knob, or a file with several: net.ipv4.tcp_wmem")],
    *,
    target: On = "host",
    offline: Offline = False,
) -> None:
    """Explain one knob: meaning, values, risk, history, source, and its present value.

    kerntune knobs show net.ipv4.tcp_wmem:max
    """
    from kerntune import catalog

    known = catalog.load()
    found = known.find(name)
    chosen = [found] if found else [knob for knob in known.knobs.values() if knob.file == name]
    if not chosen:
        msg = f"{name}: {catalog.name_problem(known, name)}"
        raise InputError(msg, hint="kerntune knobs search finds names")
    present = _readings(target, offline=offline)
    for knob in chosen:
        for what, text in catalog.facts(known, knob):
            say(f"{what:<14} {text}")
        for row in catalog.rows(known, present):
            if row.knob.name == knob.name and not offline:
                reason = f"cannot be turned: {row.absence.detail}" if row.absence else str(row.present)
                say(f"{f'on {target}':<14} {reason}")
        say("")


def _readings(target: str, *, offline: bool) -> Mapping[str, Reading]:
    if offline:
        return {}
    from kerntune import app

    return app.readings(app.settings(), target)


def _rows(text: str, target: str, *, offline: bool, as_json: bool) -> None:
    from kerntune import catalog
    from kerntune.cli.tables import knobs_table

    rows = catalog.rows(catalog.load(), _readings(target, offline=offline), text)
    if as_json:
        say_json(
            [
                {
                    "knob": row.knob.name,
                    "present": row.present,
                    "absent": row.absence.detail if row.absence else None,
                    "values": catalog.domain_text(row.knob),
                    "meaning": row.knob.meaning,
                }
                for row in rows
            ]
        )
    elif rows:
        say(knobs_table(rows))
    else:
        msg = f"no knob matches {text!r}"
        raise InputError(msg, hint="kerntune knobs list shows them all")
