"""Servers of a run: started after the config is applied, known to be ours, ended with the run.

What a server prints goes to a file without a name, so that it is never held back and nothing is left on the
disk; the file's end is shown when the server does not start, dies, or its client fails.
"""

import os
import shlex
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from kerntune.errors import RunFailed, WorkloadError
from kerntune.execution import execute, tail_of
from kerntune.interfaces import Place, Process

_POLL_S = 0.02
_STOP_S = 20.0
_SHOWN = 8000  # bytes of the log that are looked at; `tail_of` shortens further


class Server:
    """A server that was started, and the file it prints into."""

    def __init__(self, process: Process, log: int, title: str) -> None:
        self._process = process
        self._log = log
        self.title = title

    @property
    def tail(self) -> str:
        """Returns the end of what it has printed."""
        start = max(0, os.fstat(self._log).st_size - _SHOWN)
        return tail_of(os.pread(self._log, _SHOWN, start).decode(errors="replace").strip())

    def check(self) -> None:
        """Does nothing while it runs.

        Raises:
            RunFailed: it has ended, though nobody told it to.
        """
        status = self._process.wait(0.0)
        if status is not None:
            how = f"with status {status}" if status >= 0 else f"by signal {-status}"
            msg = f"the server {self.title} ended {how}"
            raise RunFailed(msg, kind="exit", tail=self.tail, hint="its log's last lines say why")

    def await_ready(self, ready: Callable[[], bool], deadline: float) -> None:
        """Returns when it is ready.

        Raises:
            RunFailed: it ended first (kind "exit"), or the deadline came first ("timeout").
        """
        while True:
            self.check()
            if ready():
                return self.check()  # what answered could be another server, and ours dead of its port
            if time.monotonic() >= deadline:
                msg = f"the server {self.title} is not ready in time"
                raise RunFailed(msg, kind="timeout", tail=self.tail)
            time.sleep(_POLL_S)

    def stop(self, place: Place, host: str, argv: Sequence[str]) -> None:
        """Ends it by a program of its own, which lets it finish what it has begun.

        The program is tried again: a server that has just been started may not listen to it yet.

        Raises:
            RunFailed: it still runs after 20 s.
        """
        deadline = time.monotonic() + _STOP_S
        while self._process.wait(0.0) is None:
            try:
                execute(place, host, argv, deadline_s=_STOP_S)
            except RunFailed as error:
                if time.monotonic() >= deadline:
                    msg = f"the server {self.title} does not stop: {error}"
                    raise RunFailed(msg, kind="exit", tail=self.tail) from error
            self._process.wait(_POLL_S)


@contextmanager
def serving(
    place: Place,
    host: str,
    argv: Sequence[str],
    ready: Callable[[], bool],
    *,
    deadline: float,
    stop: Sequence[str] = (),
) -> Iterator[Server]:
    """Starts a server, waits until it is ready, and ends it with the block.

    Args:
        place: where to start it, as an ordinary account.
        host: the host of the place.
        argv: the server, which must stay in the foreground and print its log.
        ready: tells whether *this* server answers; must not be fooled by another one.
        deadline: on the monotonic clock, when waiting ends.
        stop: a program that ends the server in order; without one it is killed.

    Raises:
        RunFailed: it cannot start, is not ready in time, or died during the block, whatever else failed
            there; the end of its log is attached.
    """
    with tempfile.TemporaryFile() as log:
        title = shlex.join(argv)[:100]
        process = _start(place, host, argv, log.fileno())
        server = Server(process, log.fileno(), title)
        try:
            server.await_ready(ready, deadline)
            yield server
            server.check()
            if stop:
                server.stop(place, host, stop)
        except WorkloadError as error:
            server.check()  # the client failed because the server died: that is what should be told
            told = "\n".join(part for part in (error.tail, server.tail) if part)
            if isinstance(error, RunFailed) and told != error.tail:
                raise RunFailed(str(error), kind=error.kind, tail=tail_of(told), hint=error.hint) from error
            raise
        finally:
            try:
                with suppress(RunFailed):  # where this is left to do, another failure is to be told
                    if stop:
                        server.stop(place, host, stop)
            finally:
                process.end()


def _start(place: Place, host: str, argv: Sequence[str], log: int) -> Process:
    try:
        return place.start(argv, host, log, log)
    except OSError as error:
        msg = f"the server {argv[0]} cannot be started on {host}: {error.strerror}"
        raise RunFailed(msg, kind="exit", hint="is it installed, and on the PATH?") from error


def free_port(address: str) -> int:
    """Returns a TCP port on which nobody listens at this moment."""
    with socket.create_server((address, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
