"""Runs programs on a place: output bounded, deadline kept, nothing left behind.

Output goes through pipes, so a program that floods it is held back by the kernel until it is ended. While a
program runs this side sleeps: it wakes when output comes, when the program closes its output (most do so
only by ending), and four times a second to see whether it ended and left children holding the pipe.
"""

import os
import select
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from kerntune.errors import RunFailed
from kerntune.interfaces import Place, Process

OUTPUT_LIMIT = 4 << 20
"""Bytes of output, standard output and error together, after which a program is ended."""

_LOOK_S = 0.25  # 20 µs of work each: invisible in a measurement
_CHUNK = 1 << 16
_TAIL = 2000


def tail_of(text: str) -> str:
    """Returns the end of a text, at most 2,000 characters."""
    return text if len(text) <= _TAIL else "…" + text[-_TAIL:]


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended by itself with status 0, and what it printed. `wall_s` includes its start."""

    stdout: str
    stderr: str
    wall_s: float
    returncode: int = 0

    @property
    def tail(self) -> str:
        """Returns the end of what it printed, standard error last."""
        return tail_of(_joined(self.stdout, self.stderr))


class Program:
    """A program that runs, and what it has printed so far. Made by `started`."""

    def __init__(self, process: Process, pipes: tuple[int, int], title: str, output_limit: int) -> None:
        self._process = process
        self._title = title
        self._limit = output_limit
        self._began = time.monotonic()
        self._open = list(pipes)
        self._printed = {pipe: bytearray() for pipe in pipes}
        self._pipes = pipes
        self._poll = select.poll()
        for pipe in pipes:
            self._poll.register(pipe, select.POLLIN)

    @property
    def stdout(self) -> str:
        """Returns its standard output so far. Bytes that are not UTF-8 become U+FFFD."""
        return self._printed[self._pipes[0]].decode(errors="replace")

    @property
    def stderr(self) -> str:
        """Returns its standard error so far."""
        return self._printed[self._pipes[1]].decode(errors="replace")

    @property
    def tail(self) -> str:
        """Returns the end of what it has printed so far, standard error last."""
        return tail_of(_joined(self.stdout, self.stderr))

    def first_line(self, timeout_s: float) -> str:
        """Waits for a whole line on standard output and returns the first one, without its end.

        Raises:
            RunFailed: it ended, or the time was up, before it printed a line.
        """
        if not self._read_until(time.monotonic() + timeout_s, line=True):
            what = f"printed no line within {timeout_s:.3g} s"
            raise self._failure(what, "timeout")
        line, end, _ = self.stdout.partition("\n")
        if not end:
            what = "ended before it printed a line"
            raise self._failure(what, "exit")
        return line

    def finish(self, timeout_s: float) -> Completed:
        """Waits until it ends and returns what it printed.

        Raises:
            RunFailed: it exited non-zero or by a signal (kind "exit"), it did not end in time ("timeout"),
                or printed too much ("output"). It may still run: leaving `started` ends it.
        """
        deadline = time.monotonic() + timeout_s
        status = None
        if self._read_until(deadline):
            status = self._process.wait(max(0.0, deadline - time.monotonic()))
        wall_s = time.monotonic() - self._began
        if status is None:
            what = f"did not end within {timeout_s:.3g} s"
            raise self._failure(what, "timeout", hint="give it less work, or more time")
        if status != 0:
            raise self._failure(_ending(status), "exit", hint=_hint(status))
        return Completed(self.stdout, self.stderr, wall_s)

    def look(self) -> None:
        """Takes in what it has printed, without waiting.

        Raises:
            RunFailed: it printed too much.
        """
        while self._take(0.0):
            pass

    def close(self) -> None:
        """Ends its whole process group and closes the pipes."""
        try:
            self._process.end()
        finally:
            for pipe in self._open:
                os.close(pipe)
            self._open.clear()

    def _read_until(self, deadline: float, *, line: bool = False) -> bool:
        """Takes output in until both pipes are closed, the program ended, or the first line is whole.

        Returns False if the deadline came before that.
        """
        look_at = time.monotonic() + _LOOK_S
        while self._open and not (line and b"\n" in self._printed[self._pipes[0]]):
            now = time.monotonic()
            if now >= deadline:
                return False
            if now >= look_at:
                look_at = now + _LOOK_S
                if self._process.wait(0.0) is not None:
                    self.look()
                    return True
            self._take(min(deadline, look_at) - now)
        return True

    def _take(self, timeout_s: float) -> bool:
        """Takes in what is ready within the time; returns whether there was any."""
        ready = self._poll.poll(timeout_s * 1000) if self._open else []
        for pipe, _ in ready:
            data = os.read(pipe, _CHUNK)
            if not data:
                self._poll.unregister(pipe)
                self._open.remove(pipe)
                os.close(pipe)
            self._printed[pipe] += data
        if sum(map(len, self._printed.values())) > self._limit:
            what = f"printed more than {self._limit} bytes"
            raise self._failure(what, "output", hint="redirect what need not be read")
        return bool(ready)

    def _failure(self, what: str, kind: str, *, hint: str = "") -> RunFailed:
        return RunFailed(f"{self._title} {what}", kind=kind, tail=self.tail, hint=hint)


@contextmanager
def started(
    place: Place,
    host: str,
    argv: Sequence[str],
    *,
    output_limit: int = OUTPUT_LIMIT,
    privileged: bool = False,
) -> Iterator[Program]:
    """Starts a program on a host of a place; leaving the block ends its whole process group.

    It runs as an ordinary account, with `privileged` as who we are.

    Raises:
        RunFailed: it cannot be started (kind "exit").
    """
    title = f"`{_short(argv)}` on {host}"
    process, pipes = _start(partial(place.start, privileged=privileged), host, argv, title)
    program = Program(process, pipes, title, output_limit)
    try:
        yield program
    finally:
        program.close()


def execute(
    place: Place,
    host: str,
    argv: Sequence[str],
    *,
    deadline_s: float,
    output_limit: int = OUTPUT_LIMIT,
    privileged: bool = False,
) -> Completed:
    """Runs a program to its end and returns what it printed. Nothing of it is left running.

    Args:
        place: where to run it.
        host: the host of the place it runs on.
        argv: the program, found on the PATH, and its arguments.
        deadline_s: seconds after which it is ended.
        output_limit: bytes of output after which it is ended.
        privileged: whether it runs as who we are, instead of as an ordinary account.

    Raises:
        RunFailed: it could not start, exited non-zero (kind "exit"), did not end in time ("timeout") or
            printed too much ("output"); the end of its output is attached.
    """
    with started(place, host, argv, output_limit=output_limit, privileged=privileged) as program:
        return program.finish(deadline_s)


def _start(
    start: Callable[..., Process], host: str, argv: Sequence[str], title: str
) -> tuple[Process, tuple[int, int]]:
    """Returns the program and the ends of the pipes from which its two outputs are read."""
    pipes, ends = zip(os.pipe(), os.pipe(), strict=True)
    try:
        return start(argv, host, *ends), pipes
    except BaseException as error:
        for pipe in pipes:
            os.close(pipe)
        if not isinstance(error, OSError):
            raise
        msg = f"{title} cannot be started: {error.strerror}"
        raise RunFailed(msg, kind="exit", hint="is it installed, and on the PATH?") from error
    finally:
        for end in ends:
            os.close(end)


def _joined(stdout: str, stderr: str) -> str:
    return "\n".join(part for part in (stdout.rstrip(), stderr.rstrip()) if part)


def _short(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= 100 else text[:99] + "…"


def _ending(status: int) -> str:
    if status > 0:
        return f"exited with status {status}"
    name = str(-status)
    with suppress(ValueError):
        name = signal.Signals(-status).name
    return f"was ended by signal {name}"


def _hint(status: int) -> str:
    match status:
        case 126:
            return "126 from a shell: the program is not executable"
        case 127:
            return "127 from a shell: the program was not found on the PATH"
        case _:
            return "run it by hand and look at what it prints"
