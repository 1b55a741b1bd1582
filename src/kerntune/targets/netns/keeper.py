"""Keeps the sandbox: the process that makes namespaces, and pid 1 of everything inside them.

Started by the target as `python -m kerntune.targets.netns.keeper CHANNEL TUNER DIRECTORY`. It does what the
tuner asks over the channel, one request at a time, and ends when the tuner does. When pid 1 ends, however
it ends, the kernel ends every process inside; namespaces, devices and files are held by nothing else.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from kerntune.catalog import load
from kerntune.errors import KerntuneError, TargetError
from kerntune.interfaces import Link
from kerntune.targets import syscalls, wire
from kerntune.targets.children import Children
from kerntune.targets.netns.pair import Pair, Raiser
from kerntune.targets.wire import Message, Packet

Answer = tuple[Message, list[int]]


class Keeper:
    """Answers the tuner's requests: `emulator`, `raise`, `settle`, `lower`, `start`, `end`."""

    def __init__(self, channel: socket.socket, raiser: Raiser, children: Children) -> None:
        self._channel = channel
        self._raiser = raiser
        self._children = children
        self._pairs: dict[int, Pair] = {}
        self._operations: Mapping[str, Callable[[Packet], Answer]] = {
            "emulator": self._emulator,
            "raise": self._raise,
            "settle": self._settle,
            "lower": self._lower,
            "start": self._start,
            "end": self._end,
        }

    def serve(self) -> None:
        """Answers until the tuner is gone."""
        while True:
            waits_on: list[socket.socket | Children] = [self._channel, self._children]
            readable, _, _ = select.select(waits_on, (), ())
            if self._children in readable:
                self._children.reap()
            if self._channel in readable:
                packet = wire.receive(self._channel)
                if packet is None:
                    return
                self._answer(packet)

    def _answer(self, packet: Packet) -> None:
        files: list[int] = []
        try:
            reply, files = self._operations[str(packet.message["op"])](packet)
        except KerntuneError as error:
            reply = {"error": str(error), "hint": error.hint}
        except OSError as error:
            reply = {"error": f"cannot {packet.message['op']}: {error.strerror}", "hint": ""}
        finally:
            packet.close()
        with contextlib.suppress(BrokenPipeError):  # the next receive tells that the tuner is gone
            wire.send(self._channel, {"number": packet.message["number"], **reply}, files)
        for pair in self._pairs.values():
            pair.forget_files()

    def _emulator(self, packet: Packet) -> Answer:
        """Says whether this kernel emulates such a link by itself, and if not, why."""
        try:
            self._raiser.try_netem(_link(packet))
        except TargetError as error:
            return {"netem": False, "reason": str(error), "hint": error.hint}, []
        return {"netem": True, "reason": "", "hint": ""}, []

    def _raise(self, packet: Packet) -> Answer:
        number = _integer(packet, "pair")
        pair = self._raiser.raise_pair(number, _link(packet), _integer(packet, "seed"))
        self._pairs[number] = pair
        return {}, pair.files

    def _settle(self, packet: Packet) -> Answer:
        return {"carried": self._raiser.settle(self._pair(packet))}, []

    def _lower(self, packet: Packet) -> Answer:
        pair = self._pair(packet)
        del self._pairs[_integer(packet, "pair")]
        self._raiser.lower(pair)
        return {}, []

    def _start(self, packet: Packet) -> Answer:
        argv = packet.message["argv"]
        assert isinstance(argv, list), "argv is a list of strings"
        stdout, stderr, report = packet.files
        host = str(packet.message["host"])
        pid = self._raiser.start(self._pair(packet), tuple(argv), host, (stdout, stderr, report))
        return {"program": pid}, []

    def _end(self, packet: Packet) -> Answer:
        self._raiser.end(self._pair(packet), _integer(packet, "program"))
        return {}, []

    def _pair(self, packet: Packet) -> Pair:
        return self._pairs[_integer(packet, "pair")]


def _integer(packet: Packet, field: str) -> int:
    value = packet.message[field]
    assert isinstance(value, int), f"{field} is an integer"
    return value


def _link(packet: Packet) -> Link:
    fields = packet.message["link"]
    assert isinstance(fields, dict), "a link is an object"
    return Link(**fields)


def enter() -> None:
    """Moves the caller into a user namespace, if it may, and its children into a process namespace.

    Raises:
        TargetError: the caller is neither root nor allowed a user namespace.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        syscalls.unshare(syscalls.NEW_USER, "a user namespace")
    except TargetError:
        if uid != 0:
            raise
    else:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    syscalls.unshare(syscalls.NEW_PIDS, "a process namespace")


def keep(channel: socket.socket, directory: Path) -> None:
    """Is pid 1 of the sandbox: makes a directory private, then answers the tuner until it is gone.

    Raises:
        TargetError: the kernel refused a private directory or a network namespace.
    """
    syscalls.name_process("kerntune-pid1")
    syscalls.die_with_parent(signal.SIGKILL)
    syscalls.unshare(syscalls.NEW_MOUNTS, "a private view of the files")
    syscalls.privatize_mounts()
    syscalls.mount_memory(str(directory))
    children = Children()
    raiser = Raiser(children, directory, load())
    gc.freeze()  # forked children share these pages instead of copying them
    wire.send(channel, {"number": 0})
    Keeper(channel, raiser, children).serve()


def watch(tuner: int, pid: int) -> None:
    """Waits until the tuner or pid 1 of the sandbox is gone, then ends the other; reaps pid 1."""
    inside = os.pidfd_open(pid)
    try:
        select.select([tuner, inside], (), ())
        os.kill(pid, signal.SIGKILL)
    finally:
        os.waitpid(pid, 0)


def attempt(channel: socket.socket, act: Callable[[], None]) -> int:
    """Returns 0 when the act was done; else 3, after telling the tuner why it was not."""
    try:
        act()
    except TargetError as error:
        message: Message = {"number": 0, "error": str(error), "hint": error.hint}
    except OSError as error:
        message = {"number": 0, "error": f"cannot make a sandbox: {error}", "hint": ""}
    else:
        return 0
    wire.send(channel, message)
    return 3


def main(argv: list[str]) -> int:
    """Runs the keeper: the number of its end of the channel, the tuner's process, the private directory."""
    channel = socket.socket(fileno=int(argv[1]))
    channel.set_inheritable(False)
    tuner = os.pidfd_open(int(argv[2]))
    if os.getppid() != int(argv[2]):
        return 0
    if status := attempt(channel, enter):
        return status
    pid = os.fork()
    if pid == 0:
        os._exit(attempt(channel, lambda: keep(channel, Path(argv[3]))))
    channel.close()
    syscalls.name_process("kerntune-keeper")
    watch(tuner, pid)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
