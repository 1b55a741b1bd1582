"""Changes of files, and how they go back: newest first, and only where nobody else wrote meanwhile."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from kerntune.errors import HandError
from kerntune.hand.kinds import Words
from kerntune.hand.panel import Panel, member_name, plain, refusal
from kerntune.hand.protocol import Outcome, State
from kerntune.model.knob import Knob


@dataclass(frozen=True, slots=True)
class Change:
    """One write of one whole file: the words that were there and the words written.

    `knob` is a name of the catalogue that leads to the file. `effective` is what was read back after the
    write; None while the write is in flight, and for ever if the hand died then.
    """

    transaction: int
    knob: str
    old: Words
    new: Words
    effective: Words | None = None

    @property
    def ours(self) -> Words:
        """Returns the words as we left them, as far as we know."""
        return self.new if self.effective is None else self.effective


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the knobs that were to go back, and the changes the kernel would not take back."""

    outcomes: tuple[Outcome, ...]
    stuck: tuple[Change, ...]


def restore(changes: Sequence[Change], panel: Panel) -> Restored:
    """Puts changes back, the last of the sequence first; those refused are tried again after the others.

    Doing it twice does no harm: what is back already is left as it is.
    """
    outcomes: list[Outcome] = []
    waiting = list(reversed(changes))
    for last_round in (False, True):
        stuck = []
        for change in waiting:
            found = put_back(change, panel)
            if any(outcome.state == "failed" for outcome in found):
                stuck.append(change)
            if last_round or change not in stuck:
                outcomes.extend(found)
        waiting = stuck
    return Restored(tuple(outcomes), tuple(reversed(waiting)))


def put_back(change: Change, panel: Panel) -> tuple[Outcome, ...]:
    """Puts one file back member by member: a member somebody else changed keeps their value."""
    try:
        knob = panel.knob(change.knob)
    except HandError as error:
        return (_outcome(change, change.knob, 0, "failed", detail=str(error)),)
    try:
        present = panel.read(knob)
        if len(present) != len(change.old):
            return (_outcome(change, knob.name, 0, "left", detail="the file has another shape now"),)
        ours = _claimed(change, knob, present, panel)
        wanted = tuple(
            old if now == mine else now for old, mine, now in zip(change.old, ours, present, strict=True)
        )
        if wanted != present:
            panel.write(knob, wanted)
        back = panel.read(knob)
    except OSError as error:
        return _refused(replace(change, effective=change.ours), knob, error)
    return _outcomes(replace(change, effective=ours), knob, present, back)


def _claimed(change: Change, knob: Knob, present: Words, panel: Panel) -> Words:
    """Returns the words that count as ours, asking the kernel where the write's effect was never recorded.

    A hand that dies between write and read-back leaves a value it never saw, perhaps clamped or rounded. The
    request is written once more: if the kernel makes the same of it, the value found was ours.
    """
    if change.effective is not None or _explained(change, present):
        return change.ours
    with suppress(OSError):
        panel.write(knob, change.new)
    again = panel.read(knob)
    if again == present:
        return present
    panel.write(knob, present)
    return change.new


def _explained(change: Change, present: Words) -> bool:
    triples = zip(change.old, change.new, present, strict=True)
    return all(now in (old, new) for old, new, now in triples)


def _outcomes(change: Change, knob: Knob, present: Words, back: Words) -> tuple[Outcome, ...]:
    found = []
    for index, (old, mine, now) in enumerate(zip(change.old, change.ours, present, strict=True)):
        name = member_name(knob, index)
        if old == mine:
            continue
        if now == old:
            found.append(_outcome(change, name, index, "already", now))
        elif now != mine:
            found.append(_outcome(change, name, index, "left", now, "somebody else changed it meanwhile"))
        elif back[index] != old:
            found.append(
                _outcome(change, name, index, "inexact", back[index], "the kernel changed the value")
            )
        else:
            found.append(_outcome(change, name, index, "restored", old))
    return tuple(found)


def _refused(change: Change, knob: Knob, error: OSError) -> tuple[Outcome, ...]:
    reason = refusal(error, "restore", change.knob)
    state: State = "gone" if reason.kind == "absent" else "failed"
    return tuple(
        _outcome(change, member_name(knob, index), index, state, detail=str(reason))
        for index, (old, mine) in enumerate(zip(change.old, change.ours, strict=True))
        if old != mine
    )


def _outcome(
    change: Change, name: str, index: int, state: State, present: str | None = None, detail: str = ""
) -> Outcome:
    now = None if present is None else plain(present)
    return Outcome(name, state, plain(change.old[index]), plain(change.ours[index]), now, detail)
