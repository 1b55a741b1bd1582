"""Forks and reaps the processes of a target, for the process that keeps them."""

import contextlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

from kerntune.errors import TargetError

_HIGHEST_FILE = 1 << 16
_PATIENCE_S = 5.0


class Children:
    """The living children of this process. Only one of these can exist: it owns SIGCHLD."""

    def __init__(self) -> None:
        self._living: set[int] = set()
        self._bell, self._ringer = socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Returns what select() waits on for the end of a child."""
        return self._bell.fileno()

    def fork(self, task: Callable[[], None], keep: Iterable[int] = ()) -> int:
        """Runs `task` in a child that holds the standard streams and the files in `keep`; returns its pid."""
        pid = os.fork()
        if pid == 0:
            _run(task, keep)
        self._living.add(pid)
        return pid

    def is_living(self, pid: int) -> bool:
        """Says whether a child has not ended yet."""
        self.reap()
        return pid in self._living

    def reap(self) -> None:
        """Takes note of every child that has ended, also of orphans that became ours."""
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)
        try:
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._living.discard(pid)
        except ChildProcessError:
            self._living.clear()

    def kill(self, pids: Iterable[int]) -> None:
        """Kills children without waiting for their end."""
        for pid in self._living.intersection(pids):
            os.kill(pid, signal.SIGKILL)

    def end(self, pids: Iterable[int]) -> None:
        """Kills children and waits for their end, and with it for the end of all that lived in them.

        Raises:
            TargetError: the kernel did not end one within five seconds.
        """
        wanted = set(pids)
        self.kill(wanted)
        deadline = time.monotonic() + _PATIENCE_S
        self.reap()
        while remaining := wanted & self._living:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                msg = f"cannot end {len(remaining)} processes: the kernel does not let them go"
                raise TargetError(msg, hint="they wait for a device; they end when it answers")
            select.select([self._bell], (), (), left_s)
            self.reap()


def _run(task: Callable[[], None], keep: Iterable[int]) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        close_all_but(keep)
        task()
        status = 0
    finally:
        if (error := sys.exception()) is not None:
            traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(status)


def close_all_but(keep: Iterable[int]) -> None:
    """Closes every open file but the standard streams and those in `keep`."""
    low = 3
    for file in sorted(set(keep)):
        os.closerange(low, file)
        low = max(low, file + 1)
    os.closerange(low, _HIGHEST_FILE)
