"""The state directory in which what is kept lies: one JSON file, replaced as a whole by one writer."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kerntune.errors import StoreError
from kerntune.keep.files import replace_file, sync_names
from kerntune.keep.record import FORMAT, Ledger

NAME, OLD, LOCK = "kept.json", "kept.json.old", "kept.lock"
ROOTS = "root may: kerntune show RUN --json | sudo kerntune apply -; and back: sudo kerntune undo RUN"


class Shelf:
    """The ledger of a directory while we hold its lock, and the one that was there when it was opened."""

    def __init__(self, directory: Path, ledger: Ledger) -> None:
        self.directory = directory
        self.ledger = ledger

    def save(self, ledger: Ledger) -> None:
        """Puts a ledger in the place of the old one; it is on disk when this returns.

        Raises:
            StoreError: it cannot be written; the old one is still there.
        """
        path = self.directory / NAME
        text = json.dumps({"format": FORMAT, "ledger": asdict(ledger)}, indent=1, ensure_ascii=True)
        try:
            replace_file(path, text + "\n")
        except OSError as error:
            msg = f"cannot write {path}: {error.strerror}"
            raise StoreError(msg, hint="free some disk space, or run it as root") from error
        self.ledger = ledger

    def revert(self) -> None:
        """Puts the ledger back that was there when the directory was opened; needs no space on the disk.

        Raises:
            StoreError: the directory cannot be written.
        """
        path, old = self.directory / NAME, self.directory / OLD
        try:
            if old.exists():
                old.rename(path)
            else:
                path.unlink(missing_ok=True)
            sync_names(self.directory)
        except OSError as error:
            msg = f"cannot put {path} back: {error.strerror}"
            raise StoreError(msg, hint="`kerntune undo` takes back what it names") from error


@contextmanager
def opened(directory: Path) -> Iterator[Shelf]:
    """Opens a state directory for changes, and makes it if need be.

    Raises:
        StoreError: it is not ours, somebody else changes it now, or its ledger is damaged.
    """
    descriptor = _locked(directory)
    try:
        ledger = read(directory)
        _link(directory)
        yield Shelf(directory, ledger)
    finally:
        with suppress(OSError):
            (directory / OLD).unlink(missing_ok=True)
        os.close(descriptor)


def _link(directory: Path) -> None:
    """Gives the ledger a second name under which it outlives being replaced."""
    path, old = directory / NAME, directory / OLD
    try:
        old.unlink(missing_ok=True)
        if path.exists():
            old.hardlink_to(path)
    except OSError as error:
        msg = f"cannot write {old}: {error.strerror}"
        raise StoreError(msg, hint=ROOTS) from error


def read(directory: Path) -> Ledger:
    """Returns the ledger of a directory, an empty one if nothing was ever kept there.

    Raises:
        StoreError: it may not be read, others could have written it, or it is damaged.
    """
    path = directory / NAME
    try:
        _check_owner(directory)
        text = path.read_text()
    except FileNotFoundError:
        return Ledger()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}"
        raise StoreError(msg, hint="run it as root") from error
    return _parsed(path, text)


def _locked(directory: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK, flags, 0o600)
    except OSError as error:
        msg = f"cannot keep anything in {directory}: {error.strerror}"
        raise StoreError(msg, hint=ROOTS) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        msg = f"another kerntune changes what is kept in {directory}"
        raise StoreError(msg, hint="try again when it has ended") from error
    return descriptor


def _parsed(path: Path, text: str) -> Ledger:
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            msg = f"{path} was written by another version of kerntune, or is none of its files"
            raise StoreError(msg, hint="use that version, or move the file away to begin anew")
        ledger = _adapter().validate_python(document.get("ledger"))
    except (ValueError, RecursionError, ValidationError) as error:
        msg = f"{path} is damaged: {str(error).splitlines()[0]}"
        raise StoreError(
            msg, hint="what it kept still stands in /etc; move the file away to begin anew"
        ) from error
    return ledger


@cache
def _adapter() -> TypeAdapter[Ledger]:
    return TypeAdapter(Ledger)


def _check_owner(directory: Path) -> None:
    """Refuses a directory from which root would take values that somebody else wrote."""
    facts = directory.stat()
    if facts.st_uid not in (0, os.geteuid()) or facts.st_mode & 0o022:
        msg = f"will not trust {directory}: others may write to it"
        raise StoreError(msg, hint="it must belong to root, or to you, and to nobody else")
