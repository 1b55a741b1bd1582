"""Services that run already: which one is meant, and whether it is still the same after a run."""

import ipaddress
import socket
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from kerntune.errors import RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Place

_LISTENS = "0A"  # include/net/tcp_states.h
_ASK_S = 20.0


class Attached(Protocol):
    """A service that runs."""

    def identity(self) -> str:
        """Returns what changes when the service is started anew; nothing where that cannot be seen.

        Raises:
            RunFailed: it does not run.
        """


class ByPid:
    """The process of a number: known by its start time, as numbers are given again."""

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        self._pid = pid
        self._stat = proc / str(pid) / "stat"

    def identity(self) -> str:
        """Returns the process's number and start time."""
        try:
            # the name in brackets may hold anything: what follows the last bracket counts (man 5 proc)
            state, *fields = self._stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            state, fields = "X", []
        if state in "ZX":
            msg = f"the service's process {self._pid} does not run"
            raise RunFailed(msg, kind="exit", hint="look up its number again, or name its systemd unit")
        return f"process {self._pid}, started at {fields[18]}"


class ByUnit:
    """A systemd unit: each start of it has an identity of its own (InvocationID in systemd.exec(5))."""

    def __init__(self, unit: str, place: Place) -> None:
        self._unit = unit
        self._place = place

    def identity(self) -> str:
        """Returns the identity of the unit's start, and its main process."""
        argv = ["systemctl", "show", "-p", "ActiveState,InvocationID,MainPID", "--", self._unit]
        host = self._place.hosts[0]
        printed = execute(self._place, host, argv, deadline_s=_ASK_S, privileged=True).stdout
        told = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
        if told.get("ActiveState") != "active":
            msg = f"the unit {self._unit} is {told.get('ActiveState', 'not known')}, not active"
            raise RunFailed(msg, kind="exit", tail=printed, hint=f"systemctl status {self._unit}")
        return f"start {told.get('InvocationID', '')}, process {told.get('MainPID', '')}"


class ByUrl:
    """Whoever listens at an address: on this machine, known by its listening sockets."""

    def __init__(self, url: str, proc: Path = Path("/proc")) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._proc = proc

    def identity(self) -> str:
        """Returns the listening sockets' numbers, nothing for a service on another machine."""
        try:
            with socket.create_connection((self._host, self._port), timeout=_ASK_S) as stream:
                peer = stream.getpeername()[0]
                ours = stream.getsockname()[0]
        except OSError as error:
            msg = f"nobody answers at {self._url}: {error}"
            raise RunFailed(msg, kind="exit", hint="does the service run, and listen there?") from error
        if peer != ours and not ipaddress.ip_address(peer.partition("%")[0]).is_loopback:
            return ""
        found = sorted(
            _listeners(self._proc / "net/tcp", self._port) + _listeners(self._proc / "net/tcp6", self._port)
        )
        return f"listening sockets {' '.join(found)}" if found else ""


def _listeners(table: Path, port: int) -> list[str]:
    """Returns the inodes of the sockets that listen on a port; the table is that of man 5 proc."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port]
