"""One hand on one host: a lock beside the journals, held until the last change is undone.

The lock belongs to an open file (flock), which the guardian inherits: it goes when both are gone, however
they went, and the file left over from two that were killed keeps nobody away.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kerntune.errors import HandError
from kerntune.hand.identity import Owner, me

NAME = "sole.lock"
LONGEST = 200  # characters of a label
PATIENCE_S, POLL_S = 2.0, 0.01


@dataclass(frozen=True, slots=True)
class Sole:
    """The lock, held by whoever has its file open."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Lets the next one in; the file goes first, while nobody else can have it."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def take(directory: Path, label: str) -> Sole:
    """Returns the lock of a directory, taken under a study's label.

    Waits a moment if the hand that has it is dead: its guardian is at work then.

    Raises:
        HandError: a living hand has it (kind "busy").
        OSError: the file cannot be made.
    """
    path = directory / NAME
    ends = time.monotonic() + PATIENCE_S
    while True:
        sole = _taken(path)
        if sole is not None:
            os.ftruncate(sole.descriptor, 0)
            os.write(sole.descriptor, _card(label, me()))
            return sole
        holder, owner = _read(path)
        if (owner is not None and owner.lives) or time.monotonic() > ends:
            msg = f"study {holder} is tuning this host"
            hint = "wait for it to end, or end it: `kerntune undo` takes back what it changed"
            raise HandError(msg, kind="busy", hint=hint)
        time.sleep(POLL_S)


def sweep(directory: Path) -> None:
    """Removes a lock that nobody holds any more."""
    with suppress(OSError):
        sole = _taken(directory / NAME) if (directory / NAME).exists() else None
        if sole is not None:
            sole.release()


def _taken(path: Path) -> Sole | None:
    """Returns the lock if it is free; a file that was removed while we opened it is none."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    return Sole(path, descriptor)


def _card(label: str, owner: Owner) -> bytes:
    plain = "".join(char for char in label if char.isprintable())[:LONGEST]
    return json.dumps({"label": plain, "pid": owner.pid, "started": owner.started}).encode()


def _read(path: Path) -> tuple[str, Owner | None]:
    """Returns who holds the lock, as far as its file says: its first moments are empty."""
    try:
        card = json.loads(path.read_bytes())
    except (OSError, ValueError):
        card = {}
    match card:
        case {"label": str(label), "pid": int(pid), "started": int(started)}:
            return label, Owner(pid, started)
    return "(unnamed)", None


def described(directory: Path) -> Mapping[str, object]:
    """Returns the label and process of the hand that has the lock; empty if none has."""
    label, owner = _read(directory / NAME)
    return {} if owner is None or not owner.lives else {"label": label, "pid": owner.pid}
