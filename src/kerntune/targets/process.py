"""A program that another process started for us, and that tells over a pipe what became of it."""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping

from kerntune.errors import RunFailed, TargetError

_START_S = 10.0


class RemoteProcess:
    """A program on a host. Its end is waited for without looking again and again.

    `report` is the pipe over which come `{"started": …}` or `{"refused": …}`, then `{"status": …}`; it is
    closed at the end. `end` has the program and everything it left behind ended.
    """

    def __init__(self, report: int, end: Callable[[], None]) -> None:
        self._report = report
        self._end = end
        self._unread = b""
        self._status: int | None = None
        self._is_ended = False

    def await_start(self, name: str) -> None:
        """Waits until the program runs.

        Raises:
            RunFailed: it could not be started.
            TargetError: whoever starts programs there did not answer.
        """
        message = self._next(time.monotonic() + _START_S)
        if message is None:
            msg = f"cannot start {name}: the target does not answer"
            raise TargetError(msg)
        if "refused" in message:
            msg = f"cannot start {name}: {message['refused']}"
            raise RunFailed(msg, kind="exit", hint="is it installed, and is the path right?")

    def wait(self, timeout_s: float) -> int | None:
        """Returns its exit status (negative: the signal that ended it), or None if it still runs.

        Raises:
            TargetError: somebody ended the target around it.
        """
        if self._status is None and not self._is_ended:
            message = self._next(time.monotonic() + timeout_s)
            if message is not None:
                self._status = int(str(message["status"]))
        return self._status

    def end(self) -> None:
        """Ends the program and everything it left behind, whatever group or session that is in.

        Raises:
            TargetError: the target is broken; then nothing of it is left anyway.
        """
        if self._is_ended:
            return
        self._is_ended = True
        try:
            self._end()
            if self._status is None:
                self._status = self._last_report()
        finally:
            os.close(self._report)

    def _last_report(self) -> int:
        """Returns the status of a program that is gone: its own, or that we killed it before."""
        while data := os.read(self._report, 4096):
            self._unread += data
        messages = [json.loads(line) for line in self._unread.splitlines()]
        statuses = [int(message["status"]) for message in messages if "status" in message]
        return statuses[0] if statuses else -signal.SIGKILL

    def _next(self, deadline: float) -> Mapping[str, object] | None:
        """Returns the next report, None when none comes before the deadline."""
        while b"\n" not in self._unread:
            poll = select.poll()
            poll.register(self._report, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            data = os.read(self._report, 4096)
            if not data:
                msg = "the target around a program was ended from outside"
                raise TargetError(msg, hint="everything in it is gone with it; start again")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message
