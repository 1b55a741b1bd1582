"""What is applied now, and what was taken back, in words."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from kerntune.hand.protocol import Outcome
from kerntune.hand.recovery import Applied, Recovered

QUIET = frozenset({"stale", "alive"})
"""States of a journal in which a new study has nothing to tell its user."""


def applied_lines(entries: Iterable[Applied]) -> Iterator[str]:
    """Yields what the journals say is applied now: by whom, since when, and each value with what it was."""
    for entry in entries:
        if entry.header is None:
            yield f"{entry.journal}: unreadable; its owner can tell: sudo kerntune status"
            continue
        if not entry.changes:
            continue
        header = entry.header
        since = datetime.fromtimestamp(header.created).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        how = "alive, undoes by itself" if entry.alive else "dead: kerntune undo takes it back"
        yield f"by process {header.owner.pid} of {header.user} since {since} ({how}), in {header.place}:"
        for change in entry.changes:
            yield f"  {change.knob}: {' '.join(change.old)} → {' '.join(change.ours)}"


def recovered_lines(entries: Iterable[Recovered], *, quiet: bool = False) -> Iterator[str]:
    """Yields what became of each journal; with `quiet` only what a user must know."""
    for entry in entries:
        if quiet and entry.state in QUIET:
            continue
        yield f"{entry.state}: {entry.note}"
        yield from (f"  {line}" for line in outcome_lines(entry.outcomes))


def outcome_lines(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yields what became of each knob."""
    for outcome in outcomes:
        detail = f" ({outcome.detail})" if outcome.detail else ""
        yield f"{outcome.knob}: {outcome.state}, {outcome.ours} → {outcome.present}{detail}"
