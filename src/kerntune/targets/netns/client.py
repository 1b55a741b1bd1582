"""The tuner's side of the sandbox: starts the keeper and asks it."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from kerntune.errors import TargetError
from kerntune.interfaces import Link
from kerntune.targets.netns.diagnosis import advice
from kerntune.targets.servant import Servant
from kerntune.targets.wire import Packet

_FAREWELL_S = 5.0


class Keeper:
    """A running keeper. Closing it ends everything in the sandbox.

    Raises:
        TargetError: this machine allows no sandbox; it says what is missing and how to get it.
    """

    def __init__(self, directory: Path) -> None:
        try:
            self._servant = Servant(
                "kerntune.targets.netns.keeper",
                [str(os.getpid()), str(directory)],
                called="the sandbox",
                hint="everything in it is gone with it; start again",
                farewell_s=_FAREWELL_S,
            )
        except TargetError as error:
            raise TargetError(str(error), hint=advice() or error.hint) from error

    @property
    def pid(self) -> int:
        """Returns the process id of the keeper."""
        return self._servant.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the sandbox and waits until it is gone."""
        self._servant.close()

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
        return self._servant.ask(operation, files, **arguments)
