"""A raised pair of hosts as workloads see it."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from mmap import mmap
from pathlib import Path

from kerntune.errors import TargetError
from kerntune.interfaces import Link
from kerntune.targets import counters
from kerntune.targets.netns import tally
from kerntune.targets.netns.client import Keeper
from kerntune.targets.netns.hosts import ADDRESSES, HOSTS
from kerntune.targets.process import RemoteProcess


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
        self._processes: list[RemoteProcess] = []

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
    ) -> RemoteProcess:
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
        process = RemoteProcess(report, partial(self._keeper.end, self._pair, program))
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
