"""The warden: starts and ends a workload's programs on this machine, and outlives the tuner to clean up.

Started by the target as `python -I -m kerntune.targets.host.warden CHANNEL SETTINGS`. When the tuner is gone,
however it went, it ends every program and removes their directory. When memory runs low it ends the programs,
before the kernel ends somebody else's. It never turns a knob.
"""

import gc
import json
import os
import select
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kerntune.errors import KerntuneError, TargetError
from kerntune.targets import syscalls, wire
from kerntune.targets.children import Children
from kerntune.targets.host import programs, scratch
from kerntune.targets.host.account import Account
from kerntune.targets.host.programs import Program
from kerntune.targets.wire import Message, Packet

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOOK_S = 0.2  # memory is looked at while programs run: 20 µs of work each time


@dataclass(frozen=True, slots=True)
class Terms:
    """What a warden is told: where directories are made, as whom programs run, how much memory stays free."""

    directory: str
    uid: int
    gid: int
    name: str
    reserve_bytes: int

    @property
    def account(self) -> Account:
        """Returns the account that programs run as."""
        return Account(self.uid, self.gid, self.name)


class Warden:
    """Answers the tuner's requests: `start`, `end`, `trouble`."""

    def __init__(self, channel: socket.socket, terms: Terms, directory: Path) -> None:
        self._channel = channel
        self._terms = terms
        self._directory = directory
        self._children = Children()
        self._runners: set[int] = set()
        self._trouble = ""
        self._memory = os.open("/proc/meminfo", os.O_RDONLY | os.O_CLOEXEC)
        self._operations: Mapping[str, Callable[[Packet], Message]] = {
            "start": self._start,
            "end": self._end,
            "trouble": self._tell_trouble,
        }

    def serve(self) -> None:
        """Answers until the tuner is gone, then ends everything."""
        try:
            while self._turn():
                pass
        finally:
            self._end_all()

    def _turn(self) -> bool:
        timeout_s = _LOOK_S if self._runners else None
        waits_on: list[socket.socket | Children] = [self._channel, self._children]
        readable, _, _ = select.select(waits_on, (), (), timeout_s)
        if self._children in readable:
            self._children.reap()
        if self._channel in readable:
            packet = wire.receive(self._channel)
            if packet is None:
                return False
            self._answer(packet)
        self._watch_memory()
        return True

    def _answer(self, packet: Packet) -> None:
        try:
            reply = self._operations[str(packet.message["op"])](packet)
        except KerntuneError as error:
            reply = {"error": str(error), "hint": error.hint}
        except OSError as error:
            reply = {"error": f"cannot {packet.message['op']}: {error.strerror}", "hint": ""}
        finally:
            packet.close()
        with suppress(BrokenPipeError):  # the next receive tells that the tuner is gone
            wire.send(self._channel, {"number": packet.message["number"], **reply})

    def _start(self, packet: Packet) -> Message:
        argv = packet.message["argv"]
        assert isinstance(argv, list), "argv is a list of strings"
        stdout, stderr, report = packet.files
        own = packet.message["privileged"] is True
        account = (self._terms.uid, self._terms.gid) if os.geteuid() == 0 and not own else None
        environment = dict(os.environ) if own else self._plain_environment()
        program = Program(tuple(argv), str(self._directory), account, environment, stdout, stderr, report)
        pid = self._children.fork(partial(programs.serve, program), program.files)
        self._runners.add(pid)
        return {"program": pid}

    def _plain_environment(self) -> Mapping[str, str]:
        home = str(self._directory)
        return {"PATH": SEARCH, "HOME": home, "TMPDIR": home, "LC_ALL": "C.UTF-8", "USER": self._terms.name}

    def _end(self, packet: Packet) -> Message:
        number = packet.message["program"]
        assert isinstance(number, int), "a program is a number"
        self._end_runner(number)
        return {}

    def _end_runner(self, pid: int) -> None:
        if pid not in self._runners:
            return
        self._runners.discard(pid)
        try:
            if self._children.is_living(pid):
                programs.end_tree(pid)
        finally:
            self._children.end({pid})
        programs.end_tree(os.getpid(), spare=self._runners)  # of one that somebody killed: it is ours now

    def _end_all(self) -> None:
        for pid in list(self._runners):
            with suppress(TargetError):
                self._end_runner(pid)
        with suppress(TargetError):
            programs.end_tree(os.getpid())  # what outlived a runner that somebody killed

    def _tell_trouble(self, _packet: Packet) -> Message:
        trouble, self._trouble = self._trouble, ""
        return {"trouble": trouble}

    def _watch_memory(self) -> None:
        if not self._runners:
            return
        available = available_bytes(os.pread(self._memory, 1024, 0))
        if available >= self._terms.reserve_bytes:
            return
        for pid in self._runners:
            with suppress(TargetError):
                programs.end_tree(pid)
        self._trouble = f"memory ran low: {available >> 20} MiB were available, so its programs were ended"


def available_bytes(meminfo: bytes) -> int:
    """Returns MemAvailable of /proc/meminfo in bytes."""
    line = next(line for line in meminfo.splitlines() if line.startswith(b"MemAvailable:"))
    return int(line.split()[1]) * 1024


def main(argv: list[str]) -> int:
    """Runs the warden: the number of its end of the channel, and its terms as JSON."""
    channel = socket.socket(fileno=int(argv[1]))
    channel.set_inheritable(False)
    terms = Terms(**json.loads(argv[2]))
    syscalls.name_process("kerntune-warden")
    syscalls.gather_orphans()
    try:
        scratch.sweep(Path(terms.directory), terms.account)
        directory, lock = scratch.make(Path(terms.directory), terms.account)
    except TargetError as error:
        wire.send(channel, {"number": 0, "error": str(error), "hint": error.hint})
        return 3
    try:
        gc.freeze()  # forked children share these pages instead of copying them
        wire.send(channel, {"number": 0, "scratch": str(directory)})
        Warden(channel, terms, directory).serve()
    finally:
        scratch.remove(directory)
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
