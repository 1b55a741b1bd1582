"""Forked children of the hand: they hold nothing of their parent's that they do not need.

Files are parked, not closed: an inherited number stays taken by /dev/null, so a forgotten Python object that
closes "its" file later cannot close one of ours.
"""

import ctypes
import errno
import math
import os
import select
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def park(keep: Iterable[int]) -> None:
    """Puts /dev/null in the place of every open file that is not to be kept, 0, 1 and 2 included."""
    kept = set(keep)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for entry in list(Path("/proc/self/fd").iterdir()):
        number = int(entry.name)
        if number not in kept and number != null:
            _replace(null, number)
    if null not in kept:
        os.close(null)


def _replace(null: int, number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        return  # it was the listing's own
    os.dup2(null, number, inheritable=False)


def leave_session() -> None:
    """Starts a session of our own: no key of a terminal and no end of a process group reaches us."""
    try:
        os.setsid()
    except PermissionError:
        return  # we lead a session or a group already


def ready(readable: Iterable[int], writable: Iterable[int] = (), timeout_s: float | None = None) -> set[int]:
    """Returns the files that can be read or written now, or have ended; none if the time is over first."""
    poll = select.poll()  # select(2) knows only the first 1024 files
    for number in readable:
        poll.register(number, select.POLLIN)
    for number in writable:
        poll.register(number, select.POLLOUT)
    timeout_ms = None if timeout_s is None else math.ceil(max(0.0, timeout_s) * 1000)
    return {number for number, _ in poll.poll(timeout_ms)}


def forked(act: Callable[[], int]) -> int:
    """Runs a function in a forked child that ends with the status it returns; returns the child's number."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = act()
    finally:
        os._exit(status)


def ignore(signals: Iterable[signal.Signals]) -> None:
    """Ignores signals, and lets those through that the parent had blocked."""
    chosen = tuple(signals)
    signal.set_wakeup_fd(-1)
    for number in chosen:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, chosen)


def within(deadline_s: float, act: Callable[[], None]) -> None:
    """Runs a function that may block in a child, and waits no longer than the deadline.

    Raises:
        OSError: what the function raised in the child, or ETIMEDOUT; then the child was told to end.
    """
    parent = os.getpid()
    pid = forked(lambda: _guarded(act, parent))
    handle = os.pidfd_open(pid)
    try:
        if not ready([handle], timeout_s=deadline_s):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, os.WNOHANG)
            raise OSError(errno.ETIMEDOUT, f"no answer within {deadline_s:g} s")
    finally:
        os.close(handle)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        number = status if status > 0 else errno.EIO
        raise OSError(number, os.strerror(number))


def _guarded(act: Callable[[], None], parent: int) -> int:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return errno.EIO
    park([2])
    try:
        act()
    except OSError as error:
        return error.errno or errno.EIO
    return 0
