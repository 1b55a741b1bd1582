"""A raised pair of hosts as workloads see it, and the programs that run there."""

import json
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from mmap import mmap
from pathlib import Path

from kerntune.errors import RunFailed, TargetError
from kerntune.interfaces import Link
from kerntune.targets.netns import counters, tally
from kerntune.targets.netns.client import Keeper
from kerntune.targets.netns.hosts import ADDRESSES, HOSTS

_START_S = 10.0


class NetnsProcess:
    """A program on a host. Its end is waited for without looking again and again."""

    def __init__(self, keeper: Keeper, pair: int, program: int, report: int) -> None:
        self._keeper = keeper
        self._pair = pair
        self._program = program
        self._report = report
        self._unread = b""
        self._status: int | None = None
        self._is_ended = False

    def await_start(self, name: str) -> None:
        """Waits until the program runs.

        Raises:
            RunFailed: it could not be started.
            TargetError: the sandbox did not answer.
        """
        message = self._next(time.monotonic() + _START_S)
        if message is None:
            msg = f"cannot start {name}: the sandbox does not answer"
            raise TargetError(msg)
        if "refused" in message:
            msg = f"cannot start {name}: {message['refused']}"
            raise RunFailed(msg, kind="exit", hint="is it installed, and is the path right?")

    def wait(self, timeout_s: float) -> int | None:
        """Returns its exit status (negative: the signal that ended it), or None if it still runs.

        Raises:
            TargetError: somebody ended the sandbox around it.
        """
        if self._status is None and not self._is_ended:
            message = self._next(time.monotonic() + timeout_s)
            if message is not None:
                self._status = int(str(message["status"]))
        return self._status

    def end(self) -> None:
        """Ends the program and everything it left behind, whatever group or session that is in.

        Raises:
            TargetError: the sandbox is broken; then nothing of it is left anyway.
        """
        if self._is_ended:
            return
        self._is_ended = True
        try:
            self._keeper.end(self._pair, self._program)
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
            readable, _, _ = select.select([self._report], (), (), max(0.0, deadline - time.monotonic()))
            if not readable:
                return None
            data = os.read(self._report, 4096)
            if not data:
                msg = "the sandbox around a program was ended from outside"
                raise TargetError(msg, hint="everything in it is gone with it; start again")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message


class NetnsPlace:
    """Two hosts joined by a link, with a config applied. `shared` are the counts of a forwarded link."""

    def __init__(
        self, keeper: Keeper, pair: int, link: Link, files: Mapping[str, Sequence[int]], shared: mmap | None
    ) -> None:
        self._keeper = keeper
        self._pair = pair
        self._link = link
        self._files = files
        self._shared = shared
        self._processes: list[NetnsProcess] = []

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts, the one that starts the conversation first."""
        return HOSTS

    @property
    def link(self) -> Link:
        """The link between the hosts."""
        return self._link

    def address(self, host: str) -> str:
        """Returns the host's IP address as its peer reaches it."""
        return ADDRESSES[host]

    def scratch(self, host: str) -> Path:
        """Never returns one: a sandbox has no disk of its own.

        Raises:
            TargetError: always.
        """
        msg = f"a sandbox has no disk, and the workload wants a directory on its host {host}"
        raise TargetError(msg, hint="such workloads run with --target host")

    def start(
        self,
        argv: Sequence[str],
        host: str,
        stdout: int,
        stderr: int,
        *,
        privileged: bool = False,  # noqa: ARG002 - nobody has privileges outside the sandbox
    ) -> NetnsProcess:
        """Starts a program on a host; `stdout` and `stderr` are open file descriptors of the caller.

        It runs in an empty directory of its host, in memory, and sees no processes but its own.

        Raises:
            RunFailed: it could not be started.
            TargetError: the sandbox is broken.
        """
        report, tell = os.pipe()
        try:
            program = self._keeper.start(self._pair, argv, host, (stdout, stderr, tell))
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(tell)
        process = NetnsProcess(self._keeper, self._pair, program, report)
        self._processes.append(process)
        process.await_start(argv[0])
        return process

    def network_counters(self) -> Mapping[str, float]:
        """Returns cumulative counters of each host, `client.Tcp.RetransSegs`, and of the link.

        Raises:
            TargetError: the counters cannot be read.
        """
        try:
            found = {
                f"{host}.{name}": value
                for host, files in self._files.items()
                for name, value in counters.read(files).items()
            }
        except OSError as error:
            msg = f"cannot read the network counters: {error.strerror}"
            raise TargetError(msg) from error
        if self._shared is not None:
            found.update(tally.read(self._shared))
        return found

    def end_programs(self) -> None:
        """Ends every program that was started here and not ended yet."""
        for process in self._processes:
            process.end()
