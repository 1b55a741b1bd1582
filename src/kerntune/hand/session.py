"""One session of the hand: its transactions, its lease, its journal and its guardian."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from kerntune.errors import HandError
from kerntune.hand import guardian, protocol
from kerntune.hand.change import Change
from kerntune.hand.draft import draft
from kerntune.hand.identity import namespace
from kerntune.hand.journal import Journal
from kerntune.hand.kinds import Words
from kerntune.hand.panel import MISSING, Panel, member_name, plain, refusal, value_of
from kerntune.hand.processes import ready
from kerntune.hand.protocol import Effect, Match, Outcome
from kerntune.hand.restore import restore
from kerntune.model.knob import Config, Knob, Rollback, Value

LONGEST_LEASE_S = 24 * 3600.0


class Session:
    """Carries out requests on a panel. `clock` gives seconds; `recovered` is what the start put back."""

    def __init__(
        self,
        panel: Panel,
        journal: Journal,
        lease_s: float,
        clock: Callable[[], float],
        recovered: Sequence[Mapping[str, object]] = (),
    ) -> None:
        self._panel = panel
        self._journal = journal
        self._lease_s = lease_s
        self._clock = clock
        self._recovered = list(recovered)
        self._stack: list[tuple[Change, ...]] = []
        self._number = 0
        self._ends = 0.0
        self._expired: list[Outcome] | None = None
        self._floors: dict[str, Value] = {}
        self._ops: Mapping[str, Callable[[Mapping[str, object]], dict[str, object]]] = {
            "hello": self._hello,
            "read": self._read,
            "apply": self._apply,
            "renew": self._renew,
            "check": self._check,
            "undo": self._undo,
            "status": self._status,
            "bye": self._bye,
        }
        self.guardian = guardian.watch(journal, panel)

    def answer(self, line: bytes) -> dict[str, object]:
        """Returns the reply to a line: what was asked for, or a classified error."""
        number: object = None
        try:
            request = protocol.request(line)
            number = request.id
            if request.op not in self._ops:
                msg = f"no such operation: {request.op!r}"
                raise HandError(msg, kind="protocol")
            return {"id": number, "ok": True, **self._ops[request.op](request.arguments)}
        except HandError as error:
            return {"id": number, "ok": False, "error": protocol.error_to_json(error)}
        finally:
            self.guardian.expect(self.left_s())

    def left_s(self) -> float | None:
        """Returns the seconds left of the lease, None while nothing is applied."""
        return max(0.0, self._ends - self._clock()) if self._stack else None

    def tend(self) -> None:
        """Replaces a guardian that died, and undoes when the lease has run out."""
        if ready([self.guardian.alive], timeout_s=0):
            self.guardian.bury()
            self.guardian = guardian.watch(self._journal, self._panel)
            self.guardian.expect(self.left_s())
        if self.left_s() == 0.0:
            self._expired = self._back(0)
            if self._stack:  # what is stuck is tried again at the end, not in a loop
                self._ends = self._clock() + self._lease_s

    def close(self) -> None:
        """Undoes everything and lets the guardian go; a journal with something stuck in it stays."""
        self._back(0)
        self.guardian.dismiss()
        if self._stack:
            self._journal.close()
        else:
            self._journal.remove()

    def _hello(self, arguments: Mapping[str, object]) -> dict[str, object]:
        return {
            "version": protocol.VERSION,
            "pid": os.getpid(),
            "kernel": os.uname().release,
            "namespace": namespace().inode,
            "recovered": self._recovered,
            **self._status(arguments),
        }

    def _read(self, arguments: Mapping[str, object]) -> dict[str, object]:
        probe = arguments.get("probe") is True
        names = protocol.names_of(arguments)
        readings = {name: self._panel.reading(name, probe=probe) for name in names}
        return {"readings": {name: protocol.reading_to_json(found) for name, found in readings.items()}}

    def _apply(self, arguments: Mapping[str, object]) -> dict[str, object]:
        config = protocol.config_of(arguments)
        lease_s = self._lease(arguments)
        self.tend()
        self._expired = None
        self._number += 1
        changes = draft(config, self._panel, self._number, self._floors)
        written = self._write(changes)
        effects = self._effects(config, written)
        self._stack.append(written)
        self._ends = self._clock() + lease_s
        return {"effects": effects, "depth": len(self._stack)}

    def _write(self, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Writes a transaction and returns it as read back; on any failure all of it goes back first."""
        real = [change for change in changes if change.is_real]
        if real:
            self._journal.intend(real)
        done: list[Change] = []
        try:
            for change in changes:
                done.append(change)
                done[-1] = self._carried_out(change)
            if real:
                self._journal.applied(self._number, done)
        except HandError:
            unreached = changes[len(done) :]
            self._roll_back([*done, *(change for change in unreached if change.disturber or change.twin)])
            raise
        return tuple(done)

    def _carried_out(self, change: Change) -> Change:
        """Writes one file, unless the kernel has done so already, or it is only remembered or watched."""
        if not change.is_real:
            return replace(change, effective=change.old)
        if change.disturber or change.twin:
            present = self._seen(change)
            if not change.asked or present == change.new:
                return replace(change, effective=present)
        return self._written(change)

    def _seen(self, change: Change) -> Words | None:
        """Returns what a file holds now; None where the kernel took it away."""
        try:
            return self._panel.read(self._panel.knob(change.knob))
        except OSError as error:
            if error.errno in MISSING and not change.asked:
                return None
            raise refusal(error, "read", change.knob) from error

    def _written(self, change: Change) -> Change:
        knob = self._panel.knob(change.knob)
        try:
            self._panel.write(knob, change.new)
            effective = self._panel.read(knob)
        except OSError as error:
            raise _culprit(change, knob, error) from error
        done = replace(change, effective=effective)
        for index, (asked, got) in enumerate(zip(change.new, effective, strict=True)):
            if asked != got and not isinstance(plain(asked), int):
                msg = (
                    f"{member_name(knob, index)} was to be {asked} and is {got}: the kernel ignored the write"
                )
                raise HandError(
                    msg, knob=change.knob, kind="refused", hint="this kernel does not know that word"
                )
        return done

    def _roll_back(self, done: Sequence[Change]) -> None:
        back = restore(done, self._panel)
        self._record_undone(self._number, back.stuck)
        if back.stuck:
            self._stack.append(back.stuck)
            self._ends = self._clock() + self._lease_s

    def _record_undone(self, number: int, stuck: Sequence[Change]) -> None:
        with suppress(HandError):  # without the record, a replay finds the knobs back already
            self._journal.undone(number, stuck)

    def _effects(self, config: Config, written: Sequence[Change]) -> list[Effect]:
        files = {self._panel.knob(change.knob).file: change for change in written}
        return [self._effect(name, value, files) for name, value in config.items()]

    def _effect(self, name: str, value: Value, files: Mapping[str, Change]) -> Effect:
        knob = self._panel.knob(name)
        change = files[knob.file]
        self._floors.setdefault(name, value_of(knob, change.old[knob.member]))
        effective = value_of(knob, change.ours[knob.member])
        return Effect(name, value, effective, _match(knob, value, effective))

    def _lease(self, arguments: Mapping[str, object]) -> float:
        lease_s = arguments.get("lease_s", self._lease_s)
        if type(lease_s) not in (int, float) or not 0 < float(str(lease_s)) <= LONGEST_LEASE_S:
            msg = f"a lease is more than 0 and at most {LONGEST_LEASE_S:g} seconds, found {lease_s!r}"
            raise HandError(msg, kind="domain")
        return float(str(lease_s))

    def _renew(self, arguments: Mapping[str, object]) -> dict[str, object]:
        lease_s = self._lease(arguments)
        self._refuse_expired()
        self._ends = self._clock() + lease_s
        return {"left_s": self.left_s()}

    def _check(self, _arguments: Mapping[str, object]) -> dict[str, object]:
        self._refuse_expired()
        newest = {change.file: change for group in self._stack for change in group}
        known = [change for change in newest.values() if change.effective is not None]
        return {"changed": [item for change in known for item in self._differences(change)]}

    def _differences(self, change: Change) -> list[dict[str, object]]:
        knob = self._panel.knob(change.knob)
        try:
            present = self._panel.read(knob)
        except OSError as error:
            raise refusal(error, "read", change.knob) from error
        return [
            {"knob": member_name(knob, index), "ours": plain(ours), "present": plain(now)}
            for index, (ours, now) in enumerate(zip(change.ours, present, strict=True))
            if ours != now
        ]

    def _refuse_expired(self) -> None:
        self.tend()
        if self._expired is not None:
            msg = "the lease ran out and everything was undone"
            raise HandError(msg, kind="lease", hint="renew the lease more often, or ask for a longer one")

    def _undo(self, arguments: Mapping[str, object]) -> dict[str, object]:
        keep = arguments.get("keep", 0)
        if type(keep) is not int or keep < 0:
            msg = f"undo keeps a number of transactions, found {keep!r}"
            raise HandError(msg, kind="protocol")
        outcomes = [*(self._expired or []), *self._back(keep)]
        expired, self._expired = self._expired is not None, None
        return {"outcomes": outcomes, "expired": expired, "depth": len(self._stack)}

    def _back(self, keep: int) -> list[Outcome]:
        """Undoes all but the oldest transactions, newest first; what is stuck stays on the stack."""
        outcomes: list[Outcome] = []
        stuck: list[tuple[Change, ...]] = []
        while len(self._stack) > keep:
            group = self._stack.pop()
            back = restore(group, self._panel)
            outcomes.extend(back.outcomes)
            if group:
                self._record_undone(group[0].transaction, back.stuck)
            if back.stuck:
                stuck.insert(0, back.stuck)
        self._stack.extend(stuck)
        if not self._stack:
            self._journal.empty()
        return outcomes

    def _status(self, _arguments: Mapping[str, object]) -> dict[str, object]:
        changes = [change for group in self._stack for change in group]
        return {
            "guardian": self.guardian.pid,
            "journal": str(self._journal.path),
            "depth": len(self._stack),
            "left_s": self.left_s(),
            "applied": [{"knob": change.knob, "old": change.old, "ours": change.ours} for change in changes],
        }

    def _bye(self, _arguments: Mapping[str, object]) -> dict[str, object]:
        return {"bye": True, **self._undo({})}


def _match(knob: Knob, requested: Value, effective: Value) -> Match:
    if requested == effective:
        return "exact"
    return "rounded" if knob.rollback is Rollback.ROUNDED else "clamped"


def _culprit(change: Change, knob: Knob, error: OSError) -> HandError:
    """Returns the error of a write, named after the member that was to change."""
    changed = [
        index for index, (old, new) in enumerate(zip(change.old, change.new, strict=True)) if old != new
    ]
    name = member_name(knob, changed[0]) if changed else knob.name
    value = " ".join(change.new[index] for index in changed)
    return refusal(error, f"write {value} to", name)
