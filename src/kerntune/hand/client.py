"""The other end of the hand's pipe: asks, waits no longer than it should, and turns refusals into errors."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from kerntune.errors import HandError
from kerntune.hand import protocol
from kerntune.hand.processes import ready
from kerntune.hand.protocol import Effect, Foreign, Outcome
from kerntune.model.knob import Config, Reading

PATIENCE_S = 20.0
FAREWELL_S = 5.0


class Hand:
    """Speaks to one hand through two files, `replies` and `requests`; both are closed at the end.

    `process` is the hand's process if we started it ourselves. `patience_s` bounds the wait for a reply.
    """

    def __init__(
        self,
        replies: int,
        requests: int,
        *,
        patience_s: float = PATIENCE_S,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._replies = replies
        self._requests = requests
        self._patience_s = patience_s
        self._process = process
        self._lines = protocol.Lines()
        self._waiting: list[bytes] = []
        self._number = 0
        self._depth = 0
        self._half_sent = False
        self._open = True
        os.set_blocking(requests, False)

    @classmethod
    def spawn(
        cls,
        journal_dir: Path,
        *,
        prefix: Sequence[str] = (),
        program: Path | None = None,
        sole: str = "",
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """Starts a hand in a session of its own and returns it.

        `prefix` comes first (`["sudo", "-n"]`); it stays on our terminal, where it has asked for a password.
        `program` is a bundled hand to start instead of our own.
        `sole` is the label of a study that wants no other hand on this host.

        Raises:
            HandError: it cannot be started, or refuses to work (its reason is the error's): kind "busy" if
                another study's hand is there, "trust" if others can change its files.
        """
        hand_argv = [str(program)] if program else [sys.executable, "-I", "-m", "kerntune.hand"]
        argv = [*prefix, *hand_argv, "--journal", str(journal_dir), *(["--sole", sole] if sole else [])]
        try:
            process = subprocess.Popen(
                argv,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=not prefix,
                process_group=0 if prefix else None,  # no key of the terminal reaches it
            )
        except OSError as error:
            msg = f"cannot start the hand with {argv[0]}: {error.strerror}"
            raise HandError(msg, kind="lost", hint="`kerntune doctor` says what is missing") from error
        assert process.stdin is not None
        assert process.stdout is not None
        requests, replies = os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())
        process.stdin.close()
        process.stdout.close()
        hand = cls(replies, requests, patience_s=patience_s, process=process)
        try:
            hand.hello()
        except BaseException:
            hand.close()
            raise
        return hand

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hello(self) -> Mapping[str, object]:
        """Returns who the hand is: version, pid, guardian, kernel, namespace, and what its start put back."""
        return self._ask("hello")

    def read(self, knobs: Iterable[str], *, probe: bool = False) -> dict[str, Reading]:
        """Returns each knob's present value, or why it cannot be turned here.

        With `probe`, the value that is there is written back to make sure that it can be.

        Raises:
            HandError: the hand is lost.
        """
        readings = self._ask("read", knobs=list(knobs), probe=probe)["readings"]
        assert isinstance(readings, dict)
        return {name: protocol.reading_from_json(item) for name, item in readings.items()}

    def apply(self, config: Config, lease_s: float | None = None) -> tuple[Effect, ...]:
        """Writes a config in one transaction, and returns what the kernel made of each knob.

        Raises:
            HandError: nothing is changed. `kind` is "unknown", "danger", "domain", "absent", "permission",
                "refused", "timeout", "journal" or "lost", `knob` the first knob at fault.
        """
        lease = {} if lease_s is None else {"lease_s": lease_s}
        reply = self._ask("apply", config=dict(config), **lease)
        self._depth = _number(reply, "depth")
        return tuple(protocol.effect_from_json(item) for item in _items(reply, "effects"))

    def renew(self, lease_s: float) -> None:
        """Makes the lease run out that many seconds from now.

        Raises:
            HandError: it has run out already (kind "lease"), so everything is undone.
        """
        self._ask("renew", lease_s=lease_s)

    def check(self) -> tuple[Foreign, ...]:
        """Returns the knobs that somebody else changed since.

        Raises:
            HandError: the lease ran out meanwhile (kind "lease"), so everything is undone.
        """
        reply = self._ask("check")
        return tuple(protocol.foreign_from_json(item) for item in _items(reply, "changed"))

    def undo(self, keep: int = 0) -> tuple[Outcome, ...]:
        """Undoes all but the `keep` oldest transactions, newest first, and returns what became of each knob.

        Raises:
            HandError: the lease had run out before (kind "lease"): everything had been undone then.
        """
        reply = self._ask("undo", keep=keep)
        self._depth = _number(reply, "depth")
        if reply["expired"]:
            msg = "the lease ran out, so everything had been undone before its time"
            raise HandError(msg, kind="lease", hint="renew the lease more often, or ask for a longer one")
        return tuple(protocol.outcome_from_json(item) for item in _items(reply, "outcomes"))

    @contextmanager
    def applied(self, config: Config, lease_s: float | None = None) -> Iterator[tuple[Effect, ...]]:
        """Applies a config for the length of the block; whatever ends the block, the config is undone.

        Raises:
            HandError: the config was refused; or, on leaving, somebody else had changed a knob (kind
                "interference", theirs is left alone), the lease had run out, or a knob is stuck ("stuck") or
                gone ("absent").
        """
        keep = self._depth
        try:
            yield self.apply(config, lease_s)
        except BaseException as error:
            self._undo_after(error, keep)
            raise
        complain(self.undo(keep))

    def status(self) -> Mapping[str, object]:
        """Returns what is applied: depth, seconds left of the lease, guardian, journal, changes."""
        return self._ask("status")

    def close(self) -> None:
        """Lets the hand undo and go, and closes the pipe. Never raises: the hand undoes on its own, too."""
        if not self._open:
            return
        self._open = False
        with suppress(HandError):
            self._ask("bye")
        os.close(self._requests)
        os.close(self._replies)
        if self._process is not None:
            _reap(self._process)

    def _undo_after(self, error: BaseException, keep: int) -> None:
        try:
            complain(self.undo(keep))
        except HandError as other:
            if other.kind != "lost" or not isinstance(error, HandError):
                error.add_note(str(other))

    def _ask(self, op: str, **arguments: object) -> Mapping[str, object]:
        ends = time.monotonic() + self._patience_s
        self._number += 1
        self._send(protocol.encode({"id": self._number, "op": op, **arguments}), ends)
        while True:
            reply = protocol.parse(self._line(ends))
            if reply.get("id") == self._number or reply.get("fatal"):
                break
        if reply.get("ok") is not True:
            raise protocol.error_from_json(reply.get("error"))
        return reply

    def _send(self, data: bytes, ends: float) -> None:
        """Sends a request. A newline goes first if the last one was cut short by an interrupt."""
        data = b"\n" + data if self._half_sent else data
        self._half_sent = True
        while data:
            if not ready([], [self._requests], ends - time.monotonic()):
                raise self._silent()
            try:
                data = data[os.write(self._requests, data) :]
            except BrokenPipeError:
                break  # it may have said why before it went
        self._half_sent = False

    def _silent(self) -> HandError:
        msg = f"lost the hand: no answer within {self._patience_s:g} s"
        return HandError(msg, kind="lost", hint=LOST_HINT)

    def _line(self, ends: float) -> bytes:
        while not self._waiting:
            if not ready([self._replies], timeout_s=ends - time.monotonic()):
                raise self._silent()
            data = os.read(self._replies, 1 << 16)
            if not data:
                raise HandError("lost the hand: it ended", kind="lost", hint=LOST_HINT)  # noqa: EM101 - no value in it
            self._waiting.extend(self._lines.feed(data))
        return self._waiting.pop(0)


LOST_HINT = "its guardian undoes what it changed; `kerntune status` shows whether anything is left"


def complain(outcomes: Iterable[Outcome]) -> None:
    """Raises an error if a knob did not go back.

    Raises:
        HandError: the kernel refused (kind "stuck"), somebody else had changed it ("interference"), or it is
            gone with its device ("absent").
    """
    found = tuple(outcomes)
    for state, kind, hint in (
        ("failed", "stuck", "`kerntune undo` tries again; a restart of the machine undoes it for sure"),
        ("left", "interference", "find out who else sets this knob: `kerntune doctor`"),
        ("gone", "absent", "its device went away meanwhile: nothing is left to be undone"),
    ):
        wrong = [outcome for outcome in found if outcome.state == state]
        if wrong:
            raise HandError("; ".join(map(_described, wrong)), knob=wrong[0].knob, kind=kind, hint=hint)


def _described(outcome: Outcome) -> str:
    present = "" if outcome.present is None else f" and is {outcome.present}"
    return f"{outcome.knob} was {outcome.old}, we set {outcome.ours}{present}: {outcome.detail}"


def _items(reply: Mapping[str, object], name: str) -> list[object]:
    items = reply.get(name)
    if not isinstance(items, list):
        msg = f"the hand's reply has no {name}: {reply!r}"
        raise HandError(msg, kind="protocol")
    return items


def _number(reply: Mapping[str, object], name: str) -> int:
    value = reply.get(name)
    assert isinstance(value, int)
    return value


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(FAREWELL_S)
    except subprocess.TimeoutExpired:
        process.kill()  # its guardian takes over
        process.wait()
