"""A process of ours that does a target's work: started, asked one request at a time, ended."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from kerntune.errors import TargetError
from kerntune.targets import wire
from kerntune.targets.wire import Message, Packet

_PATIENCE_S = 30.0


class Servant:
    """A module that runs as a process; it is given its end of a channel, then the other arguments.

    `called` is its name in errors, `hint` what its loss means, `farewell_s` how long it may take to end.
    `greeting` is what it said first.

    Raises:
        TargetError: it refused to work, or ended.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], *, called: str, hint: str, farewell_s: float
    ) -> None:
        self._channel, end = wire.channel()
        self._channel.settimeout(_PATIENCE_S)
        self._number = 0
        self._called, self._hint, self._farewell_s = called, hint, farewell_s
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the servant
        with end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(end.fileno()), *arguments],
                pass_fds=(end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._complaints,
                stderr=self._complaints,
                start_new_session=True,
            )
        try:
            self.greeting = self._receive().message
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Returns its process id."""
        return self._process.pid

    def close(self) -> None:
        """Tells it to end by closing the channel, and waits until it is gone."""
        self._channel.close()
        try:
            self._process.wait(self._farewell_s)
        except subprocess.TimeoutExpired:  # somebody else holds our end of the channel, or a device hangs
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def ask(self, operation: str, files: Sequence[int] = (), /, **arguments: object) -> Packet:
        """Returns the answer to one request.

        Raises:
            TargetError: it was refused, or the process is gone or does not answer.
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
        msg = f"{self._called} is broken: {reason}" + (f" ({last[0]})" if last[0] else "")
        return TargetError(msg, hint=self._hint)
