"""The journal: what a hand is about to change is on disk before it is in the kernel.

A file of JSON lines, each with a checksum, only ever appended to. While a hand or its guardian lives, it
holds a lock on the file (flock), so whoever can take the lock knows that nobody is left to undo; a lock needs
neither process numbers nor kinship. Never restores anything itself: `change` does.
"""

import errno
import fcntl
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kerntune.errors import HandError
from kerntune.hand.change import Change
from kerntune.hand.identity import Namespace, Owner, boot_id, me, namespace, user
from kerntune.hand.sole import Sole, take

FORMAT = 1
SUFFIX = ".journal"
LONGEST = 1 << 20  # bytes; a longer journal is emptied as soon as nothing is applied
TRIES = 3
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Header:
    """Whose journal it is: the boot, the network namespace, the process, the user and the time (epoch, s)."""

    boot: str
    place: Namespace
    owner: Owner
    user: str
    created: float


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal says: its header (None if unreadable) and the changes not undone, oldest first."""

    header: Header | None
    changes: tuple[Change, ...]


class Journal:
    """The journal of one hand, open and locked. `sync` makes what was written to a file reach the disk.

    `sole` is the lock that keeps other hands away as long as anything of this one is to be undone.
    """

    def __init__(
        self, path: Path, descriptor: int, sync: Callable[[int], None], sole: Sole | None = None
    ) -> None:
        self.path = path
        self.sole = sole
        self.descriptor = descriptor
        self._start = os.fstat(descriptor).st_size
        self._sync = sync
        self._durable: set[tuple[str, tuple[str, ...]]] = set()

    @classmethod
    def create(
        cls, directory: Path, sync: Callable[[int], None] = os.fdatasync, sole: Sole | None = None
    ) -> "Journal":
        """Makes a journal with its header on disk, locked; nothing may be written without one.

        Raises:
            HandError: the directory is not ours, cannot be written, or the disk is full (kind "journal").
        """
        try:
            prepare(directory)
            for _ in range(TRIES):
                journal = cls._locked(directory, sync, sole)
                if journal is not None:
                    return journal
        except OSError as error:
            raise _unwritable(directory, error) from error
        raise _unwritable(directory, OSError(errno.EBUSY, "somebody else keeps removing our journal"))

    @classmethod
    def _locked(cls, directory: Path, sync: Callable[[int], None], sole: Sole | None) -> "Journal | None":
        """Returns a new journal, or None if somebody took its file away before it was locked."""
        owner = me()
        path = directory / f"{time.time_ns()}-{owner.pid}{SUFFIX}"
        draft = path.with_suffix(".new")
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(draft, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _append(descriptor, _line(_header(owner)))
            sync(descriptor)
            draft.rename(path)
            _sync_names(directory)
        except FileNotFoundError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise
        return cls(path, descriptor, sync, sole)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Returns the open files that hold the locks."""
        return (self.descriptor,) if self.sole is None else (self.descriptor, self.sole.descriptor)

    def intend(self, changes: Iterable[Change]) -> None:
        """Records what will be written, before it is.

        The first time a file's old words are seen they reach the disk before this returns. Later records of
        the same old words need not: a killed process loses nothing that write(2) took, and power that fails
        takes the kernel's values with it.

        Raises:
            HandError: the record cannot be written (kind "journal"); so nothing may be.
        """
        found = tuple(changes)
        originals = {(change.file, change.old) for change in found}
        self._record([_intent(change) for change in found], durable=not originals <= self._durable)
        self._durable |= originals

    def applied(self, number: int, changes: Iterable[Change]) -> None:
        """Records that a transaction is complete, and where the kernel made something else of the request.

        Raises:
            HandError: the record cannot be written (kind "journal").
        """
        other = {c.knob: c.effective for c in changes if c.effective not in (None, c.new)}
        self._record([{"kind": "applied", "transaction": number, "effective": other}])

    def undone(self, number: int, stuck: Iterable[Change] = ()) -> None:
        """Records that a transaction went back, but for the changes that are stuck.

        Raises:
            HandError: the record cannot be written (kind "journal"); a replay finds everything back then.
        """
        self._record([{"kind": "undone", "transaction": number, "stuck": [c.knob for c in stuck]}])

    def empty(self) -> None:
        """Forgets the past if the file has become long; only while nothing is applied."""
        if os.fstat(self.descriptor).st_size > LONGEST:
            os.ftruncate(self.descriptor, self._start)
            self._durable.clear()

    def remove(self) -> None:
        """Deletes the journal: nothing is applied any more."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leaves the journal for the next start."""
        os.close(self.descriptor)
        if self.sole is not None:
            self.sole.release()

    def _record(self, records: Iterable[Mapping[str, object]], *, durable: bool = False) -> None:
        before = os.fstat(self.descriptor).st_size
        try:
            _append(self.descriptor, b"".join(map(_line, records)))
            if durable:
                self._sync(self.descriptor)
        except OSError as error:
            os.ftruncate(self.descriptor, before)
            raise _unwritable(self.path, error) from error


def sole_lock(directory: Path, label: str) -> Sole:
    """Returns the lock that keeps other hands away from a directory, taken under a study's label.

    Raises:
        HandError: another hand has it (kind "busy"); the directory is not ours or cannot be written.
    """
    try:
        prepare(directory)
        return take(directory, label)
    except OSError as error:
        raise _unwritable(directory, error) from error


def parse(data: bytes) -> Contents:
    """Returns what the bytes of a journal say. Lines that are torn or damaged are left out."""
    header: Header | None = None
    open_changes: dict[int, dict[str, Change]] = {}
    for record in filter(None, map(_record_of, data.split(b"\n"))):
        try:
            match record.get("kind"):
                case "header":
                    header = _header_of(record)
                case "write":
                    change = _change_of(record)
                    open_changes.setdefault(change.transaction, {})[change.knob] = change
                case "applied":
                    _settle(open_changes.get(int(str(record["transaction"])), {}), record)
                case "undone":
                    _drop(open_changes, record)
        except (KeyError, TypeError, ValueError):
            continue  # made by another version; its checksum is right, its meaning is not ours to guess
    ordered = (open_changes[number] for number in sorted(open_changes))
    return Contents(header, tuple(change for group in ordered for change in group.values()))


def load(descriptor: int) -> Contents:
    """Returns what an open journal says.

    Raises:
        OSError: it cannot be read.
    """
    size = os.fstat(descriptor).st_size
    return parse(os.pread(descriptor, size, 0))


def paths(directory: Path) -> tuple[Path, ...]:
    """Returns the journals of a directory, oldest first."""
    return tuple(sorted(directory.glob(f"*{SUFFIX}"))) if directory.is_dir() else ()


def claim(path: Path) -> int | None:
    """Returns a journal opened and locked by us, or None while its hand or guardian lives, or it is gone.

    Raises:
        HandError: it is not ours to read, or not of our user (kind "permission").
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _foreign(path, str(error.strerror)) from error
    try:
        _check_owner(path, os.fstat(descriptor))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except HandError:
        os.close(descriptor)
        raise
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    return descriptor


def peek(path: Path) -> Contents:
    """Returns what a journal says without taking its lock.

    Raises:
        OSError: it is gone, or may not be read.
    """
    return parse(path.read_bytes())


def lives(path: Path, header: Header | None) -> bool:
    """Returns whether a journal's hand or guardian lives; tries the lock only if the hand does not."""
    if header is not None and header.owner.lives:
        return True
    try:
        descriptor = claim(path)
    except HandError:
        return False
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None and path.exists()


def sweep(directory: Path) -> None:
    """Removes journals that were never finished being made: nothing was written under them."""
    for path in directory.glob("*.new") if directory.is_dir() else ():
        with suppress(HandError):
            descriptor = claim(path)
            if descriptor is not None:
                path.unlink(missing_ok=True)
                os.close(descriptor)


def prepare(directory: Path) -> None:
    """Makes a directory for journals.

    Raises:
        HandError: it is not ours, or others may write to it (kind "permission").
        OSError: it cannot be made.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owner(directory, directory.stat())


def _check_owner(path: Path, facts: os.stat_result) -> None:
    if facts.st_uid != os.geteuid():
        raise _foreign(path, f"it belongs to user {facts.st_uid}, we are {os.geteuid()}")
    if facts.st_mode & 0o022:
        raise _foreign(path, "others may write to it")


def _foreign(path: Path, why: str) -> HandError:
    msg = f"will not trust {path}: {why}"
    return HandError(msg, kind="permission", hint="use a directory that only your user can write")


def _unwritable(path: Path, error: OSError) -> HandError:
    msg = f"cannot write the journal {path}: {error.strerror}; nothing is changed without one"
    return HandError(msg, kind="journal", hint="free some disk space, or name another directory")


def _sync_names(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    if written != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(record: Mapping[str, object]) -> bytes:
    text = _ENCODER.encode(record)
    return f'["{zlib.crc32(text.encode()):08x}",{text}]\n'.encode()


def _record_of(line: bytes) -> dict[str, object] | None:
    """Returns the record of a line, None where its checksum is wrong: `["crc32 of the rest",{…}]`."""
    text = line[12:-1]
    if line[:12] != f'["{zlib.crc32(text):08x}",'.encode() or line[-1:] != b"]":
        return None
    record = json.loads(text)
    return record if isinstance(record, dict) else None


def _header(owner: Owner) -> dict[str, object]:
    place = namespace()
    return {
        "kind": "header",
        "format": FORMAT,
        "boot": boot_id(),
        "namespace": place.inode,
        "unique": place.unique,
        "pid": owner.pid,
        "started": owner.started,
        "user": user(),
        "created": time.time(),
    }


def _header_of(record: Mapping[str, object]) -> Header | None:
    match record:
        case {
            "format": 1,
            "boot": str(boot),
            "namespace": int(inode),
            "unique": int() | None as unique,
            "pid": int(pid),
            "started": int(started),
            "user": str(name),
            "created": float(created),
        }:
            return Header(boot, Namespace(inode, unique), Owner(pid, started), name, created)
    return None


def _intent(change: Change) -> dict[str, object]:
    ties = {"disturber": change.disturber, "twin": change.twin}
    return {
        "kind": "write",
        "transaction": change.transaction,
        "knob": change.knob,
        "old": change.old,
        "new": change.new,
        **{tie: file for tie, file in ties.items() if file},
    }


def _change_of(record: Mapping[str, object]) -> Change:
    number, knob = int(str(record["transaction"])), str(record["knob"])
    disturber, twin = (str(record.get(tie, "")) for tie in ("disturber", "twin"))
    old, new = _words(record["old"]), _words(record["new"])
    return Change(number, knob, old, new, disturber=disturber, twin=twin)


def _settle(changes: dict[str, Change], record: Mapping[str, object]) -> None:
    effective = record["effective"]
    if not isinstance(effective, dict):
        raise TypeError(type(effective).__name__)
    for knob, change in changes.items():
        words = _words(effective[knob]) if knob in effective else change.new
        changes[knob] = replace(change, effective=words)


def _drop(changes: dict[int, dict[str, Change]], record: Mapping[str, object]) -> None:
    stuck = set(_words(record["stuck"]))
    group = changes.pop(int(str(record["transaction"])), {})
    kept = {knob: change for knob, change in group.items() if knob in stuck}
    if kept:
        changes[int(str(record["transaction"]))] = kept


def _words(item: object) -> tuple[str, ...]:
    if not isinstance(item, list) or not all(isinstance(word, str) for word in item):
        msg = f"not words: {item!r}"
        raise ValueError(msg)
    return tuple(item)
