"""Who we are and where: boot, network namespace and process, each told apart from its successors.

Never changes anything, except that `enter` moves the calling process into another namespace.
"""

import ctypes
import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NS_GET_ID = 0x8008B70D
"""ioctl of nsfs: a namespace's number, never reused in one boot (Linux 6.18, include/uapi/linux/nsfs.h)."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace: its inode, and where the kernel gives one, a number that is never reused."""

    inode: int
    unique: int | None = None

    def same(self, other: "Namespace") -> bool:
        """Returns whether both are one namespace, as far as this kernel lets us know."""
        if self.unique is not None and other.unique is not None:
            return self.unique == other.unique
        return self.inode == other.inode


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its number as our /proc shows it, and its start in clock ticks since boot."""

    pid: int
    started: int

    @property
    def lives(self) -> bool:
        """Returns whether that very process, not a later one of the same number, still runs."""
        return start_of(self.pid) == self.started


def boot_id() -> str:
    """Returns the random identifier of the running boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def namespace(link: Path = Path("/proc/self/ns/net")) -> Namespace:
    """Returns the network namespace a link of /proc or a mounted namespace file leads to.

    Raises:
        OSError: there is no such process any more, or it may not be looked at.
    """
    with link.open("rb") as file:
        number = bytearray(8)
        try:
            fcntl.ioctl(file, NS_GET_ID, number)
            unique = int.from_bytes(number, "little")
        except OSError:  # before Linux 6.18
            unique = None
        return Namespace(os.fstat(file.fileno()).st_ino, unique)


def boot_clock() -> float:
    """Returns seconds since boot, those asleep included: a lease runs out while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_stopped(pid: int) -> bool:
    """Returns whether a process was stopped by a signal, and waits to be continued."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False


def is_confined() -> bool:
    """Returns whether we are in a user namespace of somebody's making, not in the machine's first."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def me() -> Owner:
    """Returns this process, numbered as /proc numbers it even where we are in a process namespace."""
    pid = int(Path("/proc/self").readlink().name)
    started = start_of(pid)
    assert started is not None, "a running process has a start time"
    return Owner(pid, started)


def start_of(pid: int) -> int | None:
    """Returns a process's start in clock ticks since boot, None if it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def session_led() -> int | None:
    """Returns the session we are in, if it is the one our parent leads; None if it is somebody else's."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    parent, session = int(fields[1]), int(fields[3])
    return session if parent == session else None


def outlive(session: int, deadline_s: float) -> None:
    """Waits until nothing of a session runs any more, or the deadline is over.

    A hand that was killed may have left a writer inside the kernel, which cannot be killed there: what it
    writes, it writes after its hand is dead.
    """
    ends = time.monotonic() + deadline_s
    while _runs(session) and time.monotonic() < ends:
        time.sleep(0.005)


def _runs(session: int) -> bool:
    for process in _numbered(Path("/proc")):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            return True
    return False


def user() -> str:
    """Returns the name of the user we are, or its number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


Whereabouts = Path | Literal["here", "gone", "hidden"]


def find(wanted: Namespace) -> Whereabouts:
    """Returns where a network namespace is: "here", the link that leads to it, "gone" or "hidden".

    "gone" is said only if every process that could be in it was looked at; a namespace that nothing but an
    open file keeps alive counts as gone. "hidden": some of our own processes do not let us look.
    """
    if wanted.same(namespace()):
        return "here"
    hidden = False
    for process in _numbered(Path("/proc")):
        link = process / "ns/net"
        try:
            if link.stat().st_ino == wanted.inode and namespace(link).same(wanted):
                return link
        except PermissionError:
            hidden = hidden or _may_be_ours(process)
        except OSError:
            continue
    return _mounted(wanted) or ("hidden" if hidden else "gone")


def enter(link: Path) -> None:
    """Moves this process into the network namespace of a link, by way of its user namespace if need be.

    Raises:
        OSError: we may not, or it is gone.
    """
    users = link.with_name("user")
    with link.open("rb") as net:
        if users.exists() and users.stat().st_ino != Path("/proc/self/ns/user").stat().st_ino:
            with users.open("rb") as file:
                _setns(file.fileno())
        _setns(net.fileno())


def _setns(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    if library.setns(descriptor, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _numbered(proc: Path) -> Iterator[Path]:
    return (entry for entry in proc.iterdir() if entry.name.isdigit())


def _may_be_ours(process: Path) -> bool:
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return False
    uids = next((line.split()[1:] for line in lines if line.startswith("Uid:")), [])
    return str(os.getuid()) in uids


def _mounted(wanted: Namespace) -> Path | None:
    """Returns the file a namespace is mounted on (`ip netns add` does that), None if there is none."""
    root = f"net:[{wanted.inode}]"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[3] == root and namespace(Path(fields[4])).same(wanted):
            return Path(fields[4])
    return None
