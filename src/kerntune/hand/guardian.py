"""The guardian: a second process that finishes the job if the hand is killed, by replaying its journal.

It waits on a pipe whose other end only the hand holds. A byte on it means the hand left in order; its end
without one means the hand died. The other way round the hand holds a pipe that ends with the guardian.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

from kerntune.hand.change import Restored
from kerntune.hand.identity import outlive, session_led
from kerntune.hand.journal import Journal, load
from kerntune.hand.panel import Panel
from kerntune.hand.processes import STOPPING, forked, ignore, leave_session, park
from kerntune.hand.restore import restore

DEAF_TO = (*STOPPING, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTSTP)
FAREWELL, READY = b".", b"!"


@dataclass(frozen=True, slots=True)
class Guardian:
    """A guardian at work: its process, the pipe that tells it how we are, the pipe that tells how it is."""

    pid: int
    life: int
    alive: int

    def dismiss(self) -> None:
        """Lets the guardian go: the hand leaves in order, and there is nothing to finish."""
        with suppress(BrokenPipeError):
            os.write(self.life, FAREWELL)
        self.bury()

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
    os.read(alive_out, 1)  # it is deaf to signals and in its own session now, or dead, which is noticed next
    return Guardian(pid, life_in, alive_out)


def finish(descriptor: int, panel: Panel) -> Restored:
    """Puts back everything a journal says is still applied."""
    return restore(load(descriptor).changes, panel)


def _guard(journal: Journal, panel: Panel, life: int, alive: int) -> int:
    hands_session = session_led()
    leave_session()
    ignore(DEAF_TO)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    park([life, alive, *journal.descriptors, 2])
    with suppress(BrokenPipeError):  # the hand is dead already: all the more reason to go on
        os.write(alive, READY)
    if os.read(life, 1) == FAREWELL:
        return 0
    if hands_session is not None:
        outlive(hands_session, panel.deadline_s)
    if not finish(journal.descriptor, panel).stuck:
        journal.path.unlink(missing_ok=True)
    if journal.sole is not None:
        journal.sole.release()
    return 0
