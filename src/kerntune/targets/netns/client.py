"""The tuner's side of the sandbox: starts the keeper and asks it, one request at a time."""

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from kerntune.errors import TargetError
from kerntune.interfaces import Link
from kerntune.targets import wire
from kerntune.targets.netns.diagnosis import advice
from kerntune.targets.wire import Message, Packet

_PATIENCE_S = 30.0
_FAREWELL_S = 5.0


class Keeper:
    """A running keeper. Closing it ends everything in the sandbox.

    Raises:
        TargetError: this machine allows no sandbox; it says what is missing and how to get it.
    """

    def __init__(self, directory: Path) -> None:
        self._channel, end = wire.channel()
        self._channel.settimeout(_PATIENCE_S)
        self._number = 0
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the keeper
        module = "kerntune.targets.netns.keeper"
        with end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(end.fileno()), str(os.getpid()), str(directory)],
                pass_fds=(end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._complaints,
                stderr=self._complaints,
                start_new_session=True,
            )
        try:
            self._receive()
        except TargetError as error:
            self.close()
            raise TargetError(str(error), hint=advice() or error.hint) from error
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Returns the process id of the keeper."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the sandbox and waits until it is gone."""
        self._channel.close()
        try:
            self._process.wait(_FAREWELL_S)
        except subprocess.TimeoutExpired:  # somebody else holds our end of the channel, or a device hangs
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def emulator(self, link: Link) -> str:
        """Returns why the kernel does not emulate such a link by itself, "" where it does."""
        reply = self.ask("emulator", link=dataclasses.asdict(link))
        return str(reply.message["reason"])

    def raise_pair(self, number: int, link: Link, seed: int) -> tuple[int, ...]:
        """Raises a pair of hosts; returns the open files of it that belong to the caller.

        They are the link's counts (where it is forwarded), then for each host two files of counters, what its
        hand answers and where it is asked.
        """
        return self.ask("raise", pair=number, link=dataclasses.asdict(link), seed=seed).files

    def settle(self, number: int) -> bool:
        """Has the link's counts brought up to date; says whether the link still carries frames."""
        return bool(self.ask("settle", pair=number).message["carried"])

    def lower(self, number: int) -> None:
        """Ends everything in a pair of hosts and takes it away."""
        self.ask("lower", pair=number)

    def start(self, number: int, argv: Sequence[str], host: str, files: Sequence[int]) -> int:
        """Starts a program; `files` are its output, its errors, and where to report. Returns its number."""
        reply = self.ask("start", files, pair=number, argv=list(argv), host=host)
        return int(str(reply.message["program"]))

    def end(self, number: int, program: int) -> None:
        """Ends a program and everything it started."""
        self.ask("end", pair=number, program=program)

    def ask(self, operation: str, files: Sequence[int] = (), /, **arguments: object) -> Packet:
        """Returns the keeper's answer to one request.

        Raises:
            TargetError: it was refused, or the keeper is gone or does not answer.
        """
        self._number += 1
        message: Message = {"number": self._number, "op": operation, **arguments}
        try:
            wire.send(self._channel, message, files)
        except OSError as error:
            raise self._broken(os.strerror(error.errno or 0)) from error
        return self._receive()

    def _receive(self) -> Packet:
        while True:
            try:
                packet = wire.receive(self._channel)
            except OSError as error:
                reason = f"no answer within {_PATIENCE_S:g} s"
                raise self._broken(reason) from error
            if packet is None:
                raise self._broken()
            if packet.message["number"] == self._number:
                break
            packet.close()  # the answer to a request that was interrupted
        if "error" in packet.message:
            raise TargetError(str(packet.message["error"]), hint=str(packet.message["hint"]))
        return packet

    def _broken(self, reason: str = "it ended") -> TargetError:
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip()
        last = said.splitlines()[-1:] or [""]
        msg = f"the sandbox is broken: {reason}" + (f" ({last[0]})" if last[0] else "")
        return TargetError(msg, hint="everything in it is gone with it; start again")
