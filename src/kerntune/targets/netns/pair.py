"""A raised pair of hosts as the keeper holds it: namespaces, the link between them, hands and programs."""

import mmap
import os
import select
import shutil
import socket
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kerntune.catalog import Catalog
from kerntune.errors import TargetError
from kerntune.hand import program as hand_program
from kerntune.hand.program import Terms
from kerntune.hand.session import LONGEST_LEASE_S
from kerntune.interfaces import Link
from kerntune.targets import syscalls
from kerntune.targets.children import Children
from kerntune.targets.netns import forwarder, programs, tally, wiring
from kerntune.targets.netns.hosts import HOSTS
from kerntune.targets.netns.programs import Program
from kerntune.targets.netns.wiring import Wires

_PATIENCE_S = 5.0


@dataclass(slots=True)
class Pair:
    """One pair; `files` are what the tuner gets of it, closed here once they are sent."""

    directory: Path
    wires: Wires
    control: socket.socket | None = None
    forwarder: int | None = None
    hands: list[int] = field(default_factory=list)
    programs: set[int] = field(default_factory=set)
    files: list[int] = field(default_factory=list)

    def forget_files(self) -> None:
        """Closes what the tuner has got."""
        while self.files:
            os.close(self.files.pop())


class Raiser:
    """Raises and lowers pairs. `root` is the directory that is private to the sandbox."""

    def __init__(self, children: Children, root: Path, catalog: Catalog) -> None:
        self._catalog = catalog
        self._children = children
        self._root = root
        self._home = wiring.new_network()
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def try_netem(self, link: Link) -> None:
        """Has the kernel emulate a link between two hosts that are gone afterwards.

        Raises:
            TargetError: it refused.
        """
        wires = wiring.lay(link, self._home)
        try:
            wiring.emulate_in_kernel(wires, link, self._home)
        finally:
            wires.close()

    def raise_pair(self, number: int, link: Link, seed: int) -> Pair:
        """Raises a fresh pair, its link carrying frames and its hands listening.

        Raises:
            TargetError: the kernel refused a part of it; nothing of it is left.
        """
        directory = self._root / f"pair-{number}"
        for host in HOSTS:
            (directory / host).mkdir(parents=True)
        pair = Pair(directory, wiring.lay(link, self._home))
        try:
            if link.emulator == "netem":
                wiring.emulate_in_kernel(pair.wires, link, self._home)
            elif link.emulator == "forwarder":
                self._start_forwarder(pair, link, seed)
            for host in HOSTS:
                pair.files += [os.dup(file) for file in pair.wires.counters[host]]
                self._start_hand(pair, host)
            self._await_link(pair)
        except TargetError:
            self.lower(pair)
            raise
        return pair

    def lower(self, pair: Pair) -> None:
        """Ends everything in a pair and lets go of its namespaces. The hands and the link end by themselves.

        Raises:
            TargetError: a program could not be ended.
        """
        self._children.kill([*pair.hands, *([pair.forwarder] if pair.forwarder else [])])
        if pair.control:
            pair.control.close()
        pair.forget_files()
        pair.wires.close()
        self._children.end(pair.programs)
        shutil.rmtree(pair.directory, ignore_errors=True)

    def settle(self, pair: Pair) -> bool:
        """Has the link's counts written; says whether the link is still carried."""
        if pair.control is None:
            return True
        try:
            pair.control.send(forwarder.READY)
            return self._answers(pair)
        except BrokenPipeError:
            return False

    def start(self, pair: Pair, argv: tuple[str, ...], host: str, files: tuple[int, int, int]) -> int:
        """Starts a program on a host; `files` are its output, its errors, and where to report.

        Raises:
            TargetError: the kernel refused a process namespace.
        """
        stdout, stderr, report = files
        directory = str(pair.directory / host)
        program = Program(argv, directory, pair.wires.hosts[host], stdout, stderr, report)
        syscalls.unshare(syscalls.NEW_PIDS, "a process namespace")
        try:
            pid = self._children.fork(partial(programs.serve, program), program.files)
        finally:
            syscalls.enter(self._own_pids, syscalls.NEW_PIDS)
        pair.programs.add(pid)
        return pid

    def end(self, pair: Pair, pid: int) -> None:
        """Ends a program and everything it started.

        Raises:
            TargetError: it could not be ended.
        """
        self._children.end({pid} & pair.programs)
        pair.programs.discard(pid)

    def _start_forwarder(self, pair: Pair, link: Link, seed: int) -> None:
        memory = os.memfd_create("link")
        os.ftruncate(memory, tally.SIZE)
        pair.files.append(memory)
        pair.control, control = socket.socketpair()
        task = partial(_forward, pair.wires.middle, link, seed, control, memory)
        pair.forwarder = self._children.fork(task, (pair.wires.middle, control.fileno(), memory))
        control.close()

    def _start_hand(self, pair: Pair, host: str) -> None:
        requests, ask = os.pipe()
        answer, replies = os.pipe()
        namespace = pair.wires.hosts[host]
        journal = pair.directory / f"journal-{host}"
        task = partial(_serve_hand, namespace, requests, replies, journal, self._catalog)
        pair.hands.append(self._children.fork(task, (namespace, requests, replies)))
        pair.files += [answer, ask]
        os.close(requests)
        os.close(replies)

    def _await_link(self, pair: Pair) -> None:
        if pair.control is not None and not self._answers(pair):
            msg = "cannot carry a link between two hosts: the forwarder ended at once"
            raise TargetError(msg, hint="the kernel needs CONFIG_PACKET (af_packet)")

    def _answers(self, pair: Pair) -> bool:
        assert pair.control is not None, "only a forwarded link answers"
        readable, _, _ = select.select([pair.control], (), (), _PATIENCE_S)
        return bool(readable) and bool(pair.control.recv(64))


def _forward(middle: int, link: Link, seed: int, control: socket.socket, memory: int) -> None:
    syscalls.name_process("kerntune-link")
    syscalls.enter(middle, syscalls.NEW_NET)
    with mmap.mmap(memory, tally.SIZE) as shared:
        forwarder.serve(wiring.MIDDLE_DEVICES, link, seed, control, shared)


def _serve_hand(namespace: int, requests: int, replies: int, journal: Path, catalog: Catalog) -> None:
    syscalls.name_process("kerntune-hand")
    syscalls.enter(namespace, syscalls.NEW_NET)
    hand_program.serve(requests, replies, journal, catalog, Terms(lease_s=LONGEST_LEASE_S))
