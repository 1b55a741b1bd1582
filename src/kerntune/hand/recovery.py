"""Looks after what hands left behind: who has what applied, and undoing it when nobody else will.

Never touches the journal of a hand or guardian that lives, nor one that is not our user's.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from kerntune.catalog import load as load_catalog
from kerntune.errors import HandError
from kerntune.hand import sole
from kerntune.hand.change import Change, Restored
from kerntune.hand.identity import boot_id, enter, find, outlive
from kerntune.hand.journal import Contents, Header, claim, lives, load, paths, peek, sweep
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel, is_machines
from kerntune.hand.processes import forked
from kerntune.hand.protocol import Outcome, outcome_from_json
from kerntune.hand.restore import restore

POLL_S = 0.01
State = Literal["replayed", "stale", "stuck", "alive", "undone", "elsewhere", "unreadable", "foreign"]

LEFT: frozenset[State] = frozenset({"stuck", "unreadable", "foreign"})
"""States of a journal that somebody must look at: values may still be applied."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one journal.

    `replayed`: its knobs went back, see `outcomes`. `stale`: there was nothing to restore; removed. `stuck`:
    the kernel refused an old value; kept. `alive`: its hand or guardian lives; not touched. `undone`: its
    hand undid it when asked. `elsewhere`: its network namespace cannot be reached from here; kept.
    `unreadable`, `foreign`: damaged, or not our user's; kept.
    """

    journal: str
    state: State
    note: str
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What one journal says is applied now: by whom, and whether its hand or guardian still lives."""

    journal: str
    header: Header | None
    alive: bool
    changes: tuple[Change, ...]


def default_panel() -> Panel:
    """Returns the panel of the whole catalogue."""
    return Panel(load_catalog(), kinds())


def replay(directory: Path, panel: Panel | None = None, *, elsewhere: bool = True) -> tuple[Recovered, ...]:
    """Puts back what dead hands left applied, the newest journal first, and says what became of each.

    With `elsewhere`, namespaces that other processes keep alive are entered too, in a child. Replaying twice
    does no harm. Raises nothing for a journal that cannot be replayed: it says so.
    """
    sweep(directory)
    sole.sweep(directory)
    return tuple(
        found for path in reversed(paths(directory)) for found in _replayed(path, panel, elsewhere=elsewhere)
    )


def status(directory: Path) -> tuple[Applied, ...]:
    """Returns what is applied now according to the journals of a directory, oldest first.

    A directory that we may not look into is an entry without a header.
    """
    if _is_hidden(directory):
        return (Applied(str(directory), None, alive=False, changes=()),)
    found = []
    for path in paths(directory):
        with suppress(FileNotFoundError):
            contents = peek(path)
            found.append(Applied(str(path), contents.header, lives(path, contents.header), contents.changes))
    return tuple(found)


def undo(directory: Path, panel: Panel | None = None, deadline_s: float = 5.0) -> tuple[Recovered, ...]:
    """Asks living hands to undo and go, then puts back what dead ones left.

    Raises:
        HandError: a living hand may not be told (kind "permission") or did not go in time (kind "lost").
    """
    if _is_hidden(directory):
        return (
            Recovered(str(directory), "foreign", f"only its owner can look into {directory}: run it as root"),
        )
    asked = []
    for applied in status(directory):
        if applied.alive:
            _dismiss(applied, deadline_s)
            note = f"{len(applied.changes)} changes undone by their hand"
            asked.append(Recovered(applied.journal, "undone", note))
    return (*asked, *replay(directory, panel))


def _is_hidden(directory: Path) -> bool:
    return directory.is_dir() and not os.access(directory, os.R_OK | os.X_OK)


def _replayed(path: Path, panel: Panel | None, *, elsewhere: bool) -> Iterator[Recovered]:
    try:
        descriptor = claim(path)
    except HandError as error:
        yield Recovered(str(path), "foreign", str(error))
        return
    if descriptor is None:
        if path.exists():
            yield Recovered(str(path), "alive", "its hand or guardian still lives")
        return
    try:
        found = _carried_out(path, descriptor, panel, elsewhere=elsewhere)
        if found.state in ("replayed", "stale"):
            path.unlink(missing_ok=True)
        yield found
    finally:
        os.close(descriptor)


def _carried_out(path: Path, descriptor: int, panel: Panel | None, *, elsewhere: bool) -> Recovered:
    contents = load(descriptor)
    idle = _nothing_to_do(contents)
    if idle is not None:
        return Recovered(str(path), *idle)
    assert contents.header is not None
    panel = panel or default_panel()
    place = find(contents.header.place)
    outlive(contents.header.owner.pid, panel.deadline_s)
    if place == "here":
        return _reported(path, restore(contents.changes, panel))
    if place == "gone":
        return _outlived(path, contents, panel)
    if place == "hidden" or not elsewhere:
        return Recovered(str(path), "elsewhere", "its network namespace cannot be reached from here")
    return _entered(path, place, contents, panel)


def _nothing_to_do(contents: Contents) -> tuple[State, str] | None:
    if contents.header is None:
        return "unreadable", "its first line is damaged, so it cannot be told whose it is"
    if contents.header.boot != boot_id():
        return "stale", "the machine was restarted since, which undid everything"
    return None if contents.changes else ("stale", "nothing was applied")


def _reported(path: Path, restored: Restored) -> Recovered:
    if restored.stuck:
        return Recovered(str(path), "stuck", "the kernel refused an old value", restored.outcomes)
    return Recovered(str(path), "replayed", "what a killed hand left is undone", restored.outcomes)


def _outlived(path: Path, contents: Contents, panel: Panel) -> Recovered:
    """Restores what was not the namespace's own; the rest went with it."""
    machine = [change for change in contents.changes if _is_global(change, panel)]
    if machine:
        return _reported(path, restore(machine, panel))
    return Recovered(str(path), "stale", "its network namespace is gone, and its knobs with it")


def _is_global(change: Change, panel: Panel) -> bool:
    knob = panel.catalog.find(change.knob)
    return knob is not None and is_machines(knob)


def _entered(path: Path, place: Path, contents: Contents, panel: Panel) -> Recovered:
    """Restores inside another network namespace, in a child that enters it."""
    out, into = os.pipe()
    pid = forked(lambda: _sent(place, contents, panel, into))
    os.close(into)
    with os.fdopen(out, "rb") as answer:
        data = answer.read()
    os.waitpid(pid, 0)
    if not data:
        return Recovered(str(path), "elsewhere", f"its network namespace {place} may not be entered")
    fields = json.loads(data)
    outcomes = tuple(outcome_from_json(item) for item in fields["outcomes"])
    return replace(_reported(path, Restored(outcomes, ())), state=fields["state"])


def _sent(place: Path, contents: Contents, panel: Panel, into: int) -> int:
    enter(place)
    restored = restore(contents.changes, panel)
    state = "stuck" if restored.stuck else "replayed"
    found = {"state": state, "outcomes": [asdict(outcome) for outcome in restored.outcomes]}
    with os.fdopen(into, "w") as answer:
        json.dump(found, answer)
    return 0


def _dismiss(applied: Applied, deadline_s: float) -> None:
    """Tells a living hand to undo and go, and waits until neither it nor its guardian is left."""
    if applied.header is not None:
        _terminate(applied.header, applied.journal)
    ends = time.monotonic() + deadline_s
    path = Path(applied.journal)
    while path.exists() and lives(path, applied.header):
        if time.monotonic() > ends:
            msg = f"the hand of {path} did not go within {deadline_s:g} s"
            raise HandError(msg, kind="lost", hint="end it with kill -9; its guardian undoes then")
        time.sleep(POLL_S)


def _terminate(header: Header, journal: str) -> None:
    try:
        handle = os.pidfd_open(header.owner.pid)
    except ProcessLookupError:
        return  # its guardian is at work already
    try:
        if header.owner.lives:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        msg = f"may not stop the hand of {journal}: it was started by {header.user}"
        raise HandError(
            msg, kind="permission", hint="run the same command as that user, or as root"
        ) from error
    finally:
        os.close(handle)
