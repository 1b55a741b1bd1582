"""Opens the store's file and says in plain words what is wrong with it. Never deletes or replaces a file."""

import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from kerntune.errors import KerntuneBug, StoreError
from kerntune.store.schema import VERSION, is_foreign, migrate, version_of

PROC = Path("/proc")

SHM_WRITER = 120
"""The byte of the -shm file that a writer in WAL mode locks (sqlite.org/walformat.html, "WAL Locks")."""

FILE_LOCKS = 0x40000000
"""Where the lock bytes of the database file itself begin (sqlite.org/fileformat2.html, "lock-byte page")."""

UNREACHABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}


def open_writer(path: Path, busy_s: float) -> sqlite3.Connection:
    """Opens the store for writing; makes its directory (mode 0700), file and tables where missing.

    WAL, so readers and the writer do not wait for each other. `synchronous=FULL`: a commit is on the disk
    when it returns. NORMAL would survive kill -9 as well, but not a machine that hangs or loses power, and a
    tuner of kernels must expect just that. It costs one fsync a commit, between runs, not during them.

    Raises:
        StoreError: locked, corrupt, of a newer version, of another program, or not writable.
    """
    with explained(path):
        _make_directories(path.parent)
        connection = _connect(path, "rwc", busy_s)
        with _closed_on_error(connection):
            _refuse_unfit(connection, path)
            mode = _journal_mode(connection, busy_s)
            if mode != "wal":
                msg = f"cannot use {path}: its file system has no shared memory for a write-ahead log"
                raise StoreError(msg, hint="keep the state directory on a local file system")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection)
            _check(connection, path)
    return connection


def _journal_mode(connection: sqlite3.Connection, busy_s: float) -> str:
    """Asks for a write-ahead log and returns the mode that the file has now.

    SQLite does not wait for the lock that this takes, whatever the connection's time-out: two processes that
    make the same store would be told "locked" at once.
    """
    deadline = time.monotonic() + busy_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def open_reader(path: Path, busy_s: float) -> sqlite3.Connection:
    """Opens the store for reading only; works while somebody writes, and in a read-only directory.

    Raises:
        StoreError: there is no store, or it is corrupt, of a newer version, or of another program.
    """
    if not path.exists():
        msg = f"no store at {path}"
        raise StoreError(msg, hint='the first run makes it: kerntune tune "…"')
    with explained(path):
        connection = _connect_reader(path, busy_s)
        with _closed_on_error(connection):
            _refuse_unfit(connection, path)
            outdated = version_of(connection) < VERSION
    if outdated:
        connection.close()
        open_writer(path, busy_s).close()
        return open_reader(path, busy_s)
    return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's and the system's errors into a StoreError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(path, error) from error
    except OSError as error:
        msg = f"cannot open {path}: {error.strerror}"
        raise StoreError(msg, hint="give another state directory") from error


def lock_holder(path: Path, proc: Path = PROC) -> str:
    """Returns who holds the write lock ("process 4711 (sqlite3)") by /proc/locks, "" if it does not say."""
    wanted = {_inode(path.with_name(path.name + "-shm")): SHM_WRITER, _inode(path): FILE_LOCKS}
    try:
        locks = (proc / "locks").read_text().splitlines()
    except OSError:
        return ""
    for lock in map(str.split, locks):
        # 1: POSIX ADVISORY WRITE 4711 fe:00:1234 120 120
        if len(lock) == 8 and lock[3] == "WRITE" and (inode := int(lock[5].rpartition(":")[2])) in wanted:
            end = float("inf") if lock[7] == "EOF" else int(lock[7])
            if end >= wanted[inode]:
                return f"process {lock[4]}{_program(lock[4], proc)}"
    return ""


def _connect(path: Path, mode: str, busy_s: float, *, immutable: bool = False) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}{'&immutable=1' * immutable}"
    return sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None)


def _connect_reader(path: Path, busy_s: float) -> sqlite3.Connection:
    """Opens read-only. Where we may not make the log's index and there is no log, the file stands still."""
    connection = _connect(path, "ro", busy_s)
    try:
        with _closed_on_error(connection):
            version_of(connection)
    except sqlite3.OperationalError as error:
        if _primary(error) not in UNREACHABLE or path.with_name(path.name + "-wal").exists():
            raise
        return _connect(path, "ro", busy_s, immutable=True)
    return connection


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _make_directories(directory: Path) -> None:
    """Makes each missing directory for its owner only, as the XDG base directory specification asks."""
    for part in (*reversed(directory.parents), directory):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)


def _refuse_unfit(connection: sqlite3.Connection, path: Path) -> None:
    if is_foreign(connection):
        msg = f"{path} is a database of another program"
        raise StoreError(msg, hint="give another state directory")
    if (version := version_of(connection)) > VERSION:
        msg = f"{path} was written by a newer kerntune (schema {version}, this one knows {VERSION})"
        raise StoreError(msg, hint="upgrade kerntune, or give another state directory")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _corrupt(path, found)


def _corrupt(path: Path, found: object) -> StoreError:
    beside = path.parent / "damaged"
    aside = f"mkdir {shlex.quote(str(beside))} && mv {shlex.quote(str(path))}* {shlex.quote(str(beside))}"
    hint = f"nothing was changed. To begin anew: {aside}. To save what can be: sqlite3 {path.name} .recover"
    return StoreError(f"{path} is damaged: {found}", hint=hint)


def _explanation(path: Path, error: sqlite3.Error) -> Exception:
    match _primary(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            holder = lock_holder(path) or "another process"
            return StoreError(f"{path} is locked by {holder}", hint="let it finish, or end it, and try again")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return _corrupt(path, error)
        case sqlite3.SQLITE_FULL:
            return StoreError(
                f"no space left to store in {path}", hint="free some space, then kerntune resume"
            )
        case sqlite3.SQLITE_IOERR:
            hint = "is the disk full, over its quota, or failing? see dmesg"
            return StoreError(f"cannot read or write {path}: {error}", hint=hint)
        case code if code in UNREACHABLE:
            hint = f"check the permissions of {path.parent} and of the files in it"
            return StoreError(f"cannot write to {path}: {error}", hint=hint)
        case _:
            return KerntuneBug(f"the store's own statement failed: {error}", hint="please report it")


def _primary(error: sqlite3.Error) -> int:
    """Returns SQLite's primary result code; 0 for an error of Python's module."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _program(pid: str, proc: Path) -> str:
    try:
        return f" ({(proc / pid / 'comm').read_text().strip()})"
    except OSError:
        return ""
