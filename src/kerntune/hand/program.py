"""The program: answers requests on a pipe, and leaves every knob as it was, whatever ends it.

Started with `python -m kerntune.hand --journal DIR`, or by calling `serve` in a forked child that is already
inside its network namespace. Standard input's end, a signal or the end of the lease undo everything. With
`--recover` it only puts back what dead hands left.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kerntune.catalog import Catalog, load
from kerntune.errors import HandError
from kerntune.hand import protocol, recovery, trust
from kerntune.hand.identity import boot_clock, is_confined
from kerntune.hand.journal import Journal, sole_lock
from kerntune.hand.kinds import Kinds, kinds
from kerntune.hand.panel import Panel
from kerntune.hand.processes import STOPPING, leave_session, park, ready
from kerntune.hand.session import Session

PIECE = 4096  # bytes; a pipe that select calls writable takes that much without blocking (PIPE_BUF)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a hand is given to work with.

    `lease_s` holds where an `apply` names none. `sole` is the label of a study that allows no second hand.
    """

    lease_s: float = 60.0
    kinds: Kinds = field(default_factory=kinds)
    clock: Callable[[], float] = boot_clock
    sole: str = ""


def main(argv: Sequence[str]) -> int:
    """Runs the hand on standard input and output; returns its exit status."""
    parser = argparse.ArgumentParser(
        "kerntune.hand", description="turns knobs of the kernel, and turns them back"
    )
    parser.add_argument("--journal", type=Path, required=True, metavar="DIR", help="where originals are kept")
    parser.add_argument(
        "--lease", type=float, default=Terms().lease_s, metavar="SECONDS", help="undo after this"
    )
    parser.add_argument("--sole", default="", metavar="LABEL", help="be the only hand of this directory")
    parser.add_argument("--recover", action="store_true", help="put back what dead hands left, and end")
    options = parser.parse_args(argv)
    try:
        if os.geteuid() == 0:
            trust.check(trust.loaded())
    except HandError as error:
        return _refused(_Pipe(0, 1, _signals()), error)
    if options.recover:
        return recover(options.journal)
    return serve(0, 1, options.journal, load(), Terms(lease_s=options.lease, sole=options.sole))


def recover(journal_dir: Path) -> int:
    """Puts back what dead hands left and prints what became of it; returns 1 where something is left."""
    status = 0
    for found in recovery.replay(journal_dir):
        sys.stdout.write(f"{found.state}: {found.note}\n")
        for outcome in found.outcomes:
            sys.stdout.write(f"  {outcome.knob}: {outcome.state}, {outcome.ours} → {outcome.present}\n")
        status |= found.state in recovery.LEFT
    return status


def serve(stdin: int, stdout: int, journal_dir: Path, catalog: Catalog, terms: Terms | None = None) -> int:
    """Answers requests until they end; returns an exit status, with every knob as it was.

    Works in a forked child as well as in a fresh interpreter: it leaves the session, parks every other open
    file and takes the signals for itself. A forked child must not return from here but `os._exit`.
    """
    terms = terms or Terms()
    leave_session()
    park([stdin, stdout, 2])
    bell = _signals()
    pipe = _Pipe(stdin, stdout, bell)
    panel = Panel(catalog, terms.kinds, confined=is_confined())
    try:
        session = _session(journal_dir, panel, terms)
    except HandError as error:
        return _refused(pipe, error)
    try:
        _converse(pipe, session)
    finally:
        session.close()
    return 0


def _session(journal_dir: Path, panel: Panel, terms: Terms) -> Session:
    """Returns a session with its journal, after what dead hands left is put back."""
    lock = sole_lock(journal_dir, terms.sole) if terms.sole else None
    try:
        recovered = [asdict(found) for found in recovery.replay(journal_dir, panel, elsewhere=False)]
        return Session(panel, Journal.create(journal_dir, sole=lock), terms.lease_s, terms.clock, recovered)
    except HandError:
        if lock is not None:
            lock.release()
        raise


def _refused(pipe: "_Pipe", error: HandError) -> int:
    pipe.send({"id": None, "ok": False, "fatal": True, "error": protocol.error_to_json(error)})
    return 3


@dataclass(frozen=True, slots=True)
class _Pipe:
    """The two ends we speak through, and the bell that signals ring."""

    stdin: int
    stdout: int
    bell: int
    lines: protocol.Lines = field(default_factory=protocol.Lines)

    def send(self, message: dict[str, object], patience_s: float | None = None) -> bool:
        """Sends a message; returns whether it was taken before the patience or a signal ended."""
        data = protocol.encode(message)
        while data:
            if ready([self.bell], [self.stdout], patience_s) != {self.stdout}:
                return False
            try:
                data = data[os.write(self.stdout, data[:PIECE]) :]
            except BrokenPipeError:
                return False
        return True


def _signals() -> int:
    """Lets the signals that mean "stop" ring a bell, and returns the bell's file."""
    bell, rope = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
    for number in STOPPING:
        signal.signal(number, _ring)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    return bell


def _ring(number: int, frame: object) -> None:
    """Does nothing: the wake-up file has its byte already, and a transaction is not to be cut in two."""


def _converse(pipe: _Pipe, session: Session) -> None:
    while True:
        sources = [pipe.stdin, pipe.bell, session.guardian.alive]
        found = ready(sources, timeout_s=session.left_s())
        session.tend()
        if pipe.bell in found:
            return
        if pipe.stdin in found and not _answered(pipe, session):
            return


def _answered(pipe: _Pipe, session: Session) -> bool:
    """Answers what has come in; returns whether more can come."""
    data = os.read(pipe.stdin, 1 << 16)
    if not data:
        return False
    for line in pipe.lines.feed(data):
        reply = session.answer(line)
        if not pipe.send(reply, session.left_s()) or reply.get("bye"):
            return False
    return True
