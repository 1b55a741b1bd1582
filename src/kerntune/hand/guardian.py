"""The guardian: a second process that finishes the job if the hand is killed, by replaying its journal.

It waits on a pipe whose other end only the hand holds. On it the hand says how long its lease is, and a
farewell when it leaves in order; its end without one means the hand died. A hand that is stopped (SIGSTOP)
when its lease is long over is killed, and finished for. The other way round the hand holds a pipe that ends
with the guardian.
"""

import os
import signal
import struct
from contextlib import suppress
from dataclasses import dataclass

from kerntune.hand.change import Restored
from kerntune.hand.identity import boot_clock, is_stopped, outlive, session_led
from kerntune.hand.journal import Journal, load
from kerntune.hand.panel import Panel
from kerntune.hand.processes import STOPPING, forked, ignore, leave_session, park, ready
from kerntune.hand.restore import restore

DEAF_TO = (*STOPPING, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTSTP)
MESSAGE = struct.Struct("d")  # seconds left of the lease; two that are no time:
NO_LEASE, FAREWELL = -1.0, -2.0
READY = b"!"
GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Guardian:
    """A guardian at work: its process, the pipe that tells it how we are, the pipe that tells how it is."""

    pid: int
    life: int
    alive: int

    def expect(self, left_s: float | None) -> None:
        """Tells the guardian how long the lease is from now; None: nothing is applied."""
        self._say(NO_LEASE if left_s is None else left_s)

    def dismiss(self) -> None:
        """Lets the guardian go: the hand leaves in order, and there is nothing to finish."""
        os.set_blocking(self.life, True)
        self._say(FAREWELL)
        self.bury()

    def _say(self, number: float) -> None:
        with suppress(BrokenPipeError, BlockingIOError):  # it is dead, or stopped: it will be noticed
            os.write(self.life, MESSAGE.pack(number))

    def bury(self) -> None:
        """Forgets a guardian that is dead or about to end."""
        os.close(self.life)
        os.close(self.alive)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def watch(journal: Journal, panel: Panel) -> Guardian:
    """Starts a guardian for a journal; the caller holds no earlier one's pipes."""
    life_out, life_in = os.pipe()
    alive_out, alive_in = os.pipe()
    pid = forked(lambda: _guard(journal, panel, life_out, alive_in))
    os.close(life_out)
    os.close(alive_in)
    os.set_blocking(life_in, False)
    os.read(alive_out, 1)  # it is deaf to signals and in its own session now, or dead, which is noticed next
    return Guardian(pid, life_in, alive_out)


def finish(descriptor: int, panel: Panel) -> Restored:
    """Puts back everything a journal says is still applied."""
    return restore(load(descriptor).changes, panel)


def _guard(journal: Journal, panel: Panel, life: int, alive: int) -> int:
    hands_session, hand = session_led(), os.getppid()
    leave_session()
    ignore(DEAF_TO)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    park([life, alive, *journal.descriptors, 2])
    with suppress(BrokenPipeError):  # the hand is dead already: all the more reason to go on
        os.write(alive, READY)
    if _said_farewell(life, hand):
        return 0
    if hands_session is not None:
        outlive(hands_session, panel.deadline_s)
    if not finish(journal.descriptor, panel).stuck:
        journal.path.unlink(missing_ok=True)
    if journal.sole is not None:
        journal.sole.release()
    return 0


def _said_farewell(life: int, hand: int) -> bool:
    """Waits for the hand's end, and returns whether it was in order."""
    ends: float | None = None
    while True:
        left_s = None if ends is None else ends - boot_clock()
        if ready([life], timeout_s=left_s):
            said = os.read(life, MESSAGE.size)
            if len(said) < MESSAGE.size:
                return False
            (number,) = MESSAGE.unpack(said)
            if number == FAREWELL:
                return True
            ends = None if number == NO_LEASE else boot_clock() + number + GRACE_S
        elif is_stopped(hand):
            with suppress(ProcessLookupError):
                os.kill(hand, signal.SIGKILL)
            return False
        else:
            ends = boot_clock() + GRACE_S  # it is at work on it
