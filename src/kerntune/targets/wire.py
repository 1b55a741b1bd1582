"""Messages between the tuner and the keeper: one JSON object a packet, open files beside it (SCM_RIGHTS)."""

import fcntl
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

_LARGEST = 1 << 20
_MOST_FILES = 32

Message = dict[str, object]


@dataclass(frozen=True, slots=True)
class Packet:
    """A message and the descriptors that came with it; they belong to whoever received it."""

    message: Message
    files: tuple[int, ...] = ()

    def close(self) -> None:
        """Closes the descriptors that came with it."""
        for file in self.files:
            os.close(file)


def channel() -> tuple[socket.socket, socket.socket]:
    """Returns the two ends of a channel that keeps packets apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(end: socket.socket, message: Message, files: Sequence[int] = ()) -> None:
    """Sends a message and copies of open files.

    Raises:
        OSError: the other side is gone, or the message is longer than the kernel's socket buffer.
    """
    socket.send_fds(end, [json.dumps(message).encode()], list(files))


def receive(end: socket.socket) -> Packet | None:
    """Returns the next message, None when the other side is gone. Waits as the socket's timeout says.

    Raises:
        OSError: nothing came within the socket's timeout.
    """
    try:
        data, files, _, _ = socket.recv_fds(end, _LARGEST, _MOST_FILES)
    except ConnectionResetError:
        return None
    for file in files:
        fcntl.fcntl(file, fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # recv_fds of Python 3.11 forgets its flags
    if not data:
        return None
    return Packet(json.loads(data), tuple(files))
