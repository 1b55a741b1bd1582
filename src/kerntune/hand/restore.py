"""How changes go back: newest first, only where nobody else wrote meanwhile, and past the kernel's own hand.

Some files change when another is written: a new elevator sets the queue's length anew, one of two exclusive
limits zeroes the other. So a transaction is looked at as a whole before any of it is written, goes back
parents first, and is looked at again.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from kerntune.errors import HandError
from kerntune.hand.change import Change, Restored
from kerntune.hand.kinds import Words
from kerntune.hand.panel import MISSING, Panel, member_name, plain, refusal
from kerntune.hand.protocol import Outcome, State
from kerntune.model.knob import Knob

SOMEBODY = "somebody else changed it meanwhile"


def restore(changes: Sequence[Change], panel: Panel) -> Restored:
    """Puts changes back, the last of the sequence first; those refused are tried again after the others.

    Doing it twice does no harm: what is back already is left as it is.
    """
    outcomes: list[Outcome] = []
    waiting = list(reversed(changes))
    for last_round in (False, True):
        stuck: list[Change] = []
        for _, group in groupby(waiting, key=lambda change: change.transaction):
            for line in put_back(tuple(group), panel):
                failed = line.failed or line.change.disturber in {change.file for change in stuck}
                if failed:
                    stuck.append(line.change)
                if last_round or not failed:
                    outcomes.extend(line.outcomes())
        order = {change: place for place, change in enumerate(waiting)}
        waiting = sorted(stuck, key=order.__getitem__)
    return Restored(tuple(outcomes), tuple(reversed(waiting)))


def put_back(group: Iterable[Change], panel: Panel) -> list["Line"]:
    """Puts one transaction back, its files in the order given, but each after what would disturb it."""
    lines = [Line(change, panel) for change in group]
    for line in lines:
        line.look()
    files = {line.change.file: line for line in lines}
    for line in lines:
        line.decide(files)
    for line in lines:
        line.respect_twin(files)
    lines.sort(key=lambda line: _depth(line.change, files))
    for line in lines:
        line.write()
    for line in lines:
        line.look_again()
    return lines


def _depth(change: Change, files: Mapping[str, "Line"]) -> int:
    depth = 0
    while change.disturber in files and depth < len(files):
        change, depth = files[change.disturber].change, depth + 1
    return depth


@dataclass(slots=True)
class Line:
    """One file on its way back: what was found, what counts as ours, what it is to be, and what it became."""

    change: Change
    panel: Panel
    knob: Knob | None = None
    found: Words | None = None
    ours: Words = ()
    wanted: Words | None = None
    back: Words | None = None
    error: OSError | None = None
    why: str = SOMEBODY

    def look(self) -> None:
        """Reads the file. Nothing of the transaction has been written yet."""
        self.ours = self.change.ours
        try:
            self.knob = _restorable(self.change, self.panel)
            self.found = self.panel.read(self.knob)
        except HandError as error:
            self.why = str(error)
        except OSError as error:
            self.error = error
            if self.change.disturber and error.errno in MISSING:
                self.wanted = self.change.old  # it may come back with its disturber

    def decide(self, files: Mapping[str, "Line"]) -> None:
        """Decides which words are ours, and so what the file is to be; theirs are kept."""
        if self.found is None or len(self.found) != len(self.change.old):
            return
        try:
            if not self.is_explained:
                self._claim(files.get(self.change.disturber))
        except OSError as error:
            self.error = error
            return
        triples = zip(self.change.old, self.ours, self.found, strict=True)
        self.wanted = tuple(old if now == mine else now for old, mine, now in triples)

    def respect_twin(self, files: Mapping[str, "Line"]) -> None:
        """Leaves a file zeroed if somebody else has set its twin: to write it would zero theirs."""
        twin = files.get(self.change.twin)
        if twin is not None and self.found is not None and twin.is_foreign:
            self.wanted = self.found
            self.why = f"somebody else changed {twin.change.file}, which excludes it"

    @property
    def is_explained(self) -> bool:
        """Returns whether each word found is the old one or ours."""
        if self.found is None or len(self.found) != len(self.change.old):
            return False
        return all(
            now in (old, mine) for old, mine, now in zip(self.change.old, self.ours, self.found, strict=True)
        )

    @property
    def is_foreign(self) -> bool:
        """Returns whether somebody else changed the file."""
        return self.found is not None and not self.is_explained

    @property
    def failed(self) -> bool:
        """Returns whether the file is to be tried again."""
        return any(outcome.state == "failed" for outcome in self.outcomes())

    def write(self) -> None:
        """Writes what the file is to be, unless it is that already."""
        if self.wanted is None or self.knob is None:
            return
        self.error = None
        try:
            self.back = self.panel.read(self.knob)
            if self.back != self.wanted:
                self.panel.write(self.knob, self.wanted)
                self.back = self.panel.read(self.knob)
        except OSError as error:
            self.error = error

    def look_again(self) -> None:
        """Rewrites what a later write of the transaction has reset."""
        if self.wanted is None or self.knob is None:
            return
        before = self.back
        with suppress(OSError):
            self.back = self.panel.read(self.knob)
            if self.back == self.wanted:
                self.error = None
            elif self.error is None and self.back != before:
                self.write()

    def outcomes(self) -> tuple[Outcome, ...]:
        """Returns what became of each member that was ours."""
        if self.knob is None and self.error is None:
            return (self._outcome(self.change.knob, 0, "failed", detail=self.why),)
        assert self.knob is not None
        if self.error is not None:
            return self._refused(self.knob, self.error)
        if self.wanted is None or self.back is None:
            return (self._outcome(self.knob.name, 0, "left", detail="the file has another shape now"),)
        return tuple(
            outcome for index in range(len(self.wanted)) for outcome in self._member(self.knob, index)
        )

    def _claim(self, disturber: "Line | None") -> None:
        """Takes words for ours that the kernel made, and nobody recorded.

        A disturbed file is set by the kernel whenever its disturber is: by our write if the hand died then,
        by the way back if that had begun. Otherwise a hand that died between write and read-back left a
        value it never saw, perhaps clamped: the request is written once more, and if the kernel makes the
        same of it, the value found was ours.
        """
        assert self.found is not None
        assert self.knob is not None
        if self.change.disturber:
            if self._is_the_kernels(disturber):
                self.ours = self.found
        elif self.change.effective is None and not self.change.twin:
            self.ours = _asked_again(self.change, self.knob, self.found, self.panel)

    def _is_the_kernels(self, disturber: "Line | None") -> bool:
        if disturber is None or disturber.found == disturber.change.old:
            return True
        return self.change.effective is None and not disturber.is_foreign

    def _member(self, knob: Knob, index: int) -> tuple[Outcome, ...]:
        assert self.wanted is not None
        assert self.back is not None
        old, wanted, back = self.change.old[index], self.wanted[index], self.back[index]
        now = self.ours[index] if self.found is None else self.found[index]
        name = member_name(knob, index)
        if old == self.ours[index] and (back == wanted == old or not self.change.disturber):
            return ()
        if wanted != old:
            return (self._outcome(name, index, "left", back, self.why),)
        if back != old:
            return (self._outcome(name, index, "inexact", back, "the kernel changed the value"),)
        return (self._outcome(name, index, "already" if now == old else "restored", back),)

    def _refused(self, knob: Knob, error: OSError) -> tuple[Outcome, ...]:
        reason = refusal(error, "restore", self.change.knob)
        state: State = "gone" if reason.kind == "absent" else "failed"
        return tuple(
            self._outcome(member_name(knob, index), index, state, detail=str(reason))
            for index, (old, mine) in enumerate(zip(self.change.old, self.ours, strict=True))
            if old != mine or (state == "failed" and self.change.disturber)
        )

    def _outcome(
        self, name: str, index: int, state: State, present: str | None = None, detail: str = ""
    ) -> Outcome:
        now = None if present is None else plain(present)
        return Outcome(name, state, plain(self.change.old[index]), plain(self.ours[index]), now, detail)


def _restorable(change: Change, panel: Panel) -> Knob:
    """Returns the knob of a change.

    Raises:
        HandError: the catalogue does not know it, or nothing of ours could have changed it.
    """
    knob = panel.knob(change.knob)
    if knob.read_only and (not change.disturber or panel.catalog.danger(knob.name)):
        msg = f"{knob.name} is only read, never written"
        raise HandError(msg, knob=knob.name, kind="danger", hint="the journal is not ours")
    return knob


def _asked_again(change: Change, knob: Knob, found: Words, panel: Panel) -> Words:
    with suppress(OSError):
        panel.write(knob, change.new)
    again = panel.read(knob)
    if again == found:
        return found
    panel.write(knob, found)
    return change.new
