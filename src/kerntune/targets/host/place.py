"""This machine as workloads see it: one host that reaches itself over loopback."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from kerntune.errors import TargetError
from kerntune.interfaces import Link
from kerntune.targets import counters
from kerntune.targets.host.client import Warden
from kerntune.targets.process import RemoteProcess

HOST = "host"
_COUNTED = ("/proc/net/snmp", "/proc/net/netstat")


class HostPlace:
    """One host, with a config applied to it."""

    hosts: tuple[str, ...] = (HOST,)
    link: Link | None = None

    def __init__(self, warden: Warden) -> None:
        self._warden = warden
        self._processes: list[RemoteProcess] = []

    def address(self, host: str) -> str:
        """Returns the loopback address."""
        assert host == HOST
        return "127.0.0.1"

    def scratch(self, host: str) -> Path:
        """Returns a private directory on this machine's disk, the account's that programs run as."""
        assert host == HOST
        return self._warden.scratch

    def start(
        self, argv: Sequence[str], host: str, stdout: int, stderr: int, *, privileged: bool = False
    ) -> RemoteProcess:
        """Starts a program in the scratch directory; `stdout` and `stderr` are open files of the caller.

        Raises:
            RunFailed: it could not be started.
            TargetError: the warden is gone.
        """
        assert host == HOST
        report, tell = os.pipe()
        try:
            program = self._warden.start(argv, (stdout, stderr, tell), privileged=privileged)
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(tell)
        process = RemoteProcess(report, partial(self._warden.end, program))
        self._processes.append(process)
        process.await_start(argv[0])
        return process

    def network_counters(self) -> Mapping[str, float]:
        """Returns the machine's cumulative counters: `host.Tcp.RetransSegs`.

        Raises:
            TargetError: the counters cannot be read.
        """
        try:
            texts = [Path(path).read_text() for path in _COUNTED]
        except OSError as error:
            msg = f"cannot read the network counters: {error.strerror}"
            raise TargetError(msg) from error
        return {f"{HOST}.{name}": value for text in texts for name, value in counters.parse(text)}

    def end_programs(self) -> None:
        """Ends every program that was started here and not ended yet."""
        for process in self._processes:
            process.end()
