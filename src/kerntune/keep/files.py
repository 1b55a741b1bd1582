"""Files as a whole: read, compared, replaced atomically, removed. Everything lies below a root."""

import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from kerntune.errors import TargetError
from kerntune.keep.record import File, Ledger

MODE = 0o644


def found(root: Path, path: str) -> str | None:
    """Returns the text of a file that is named from /, None if it does not exist.

    Raises:
        TargetError: it is there and cannot be read.
    """
    try:
        return under(root, path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise TargetError(msg, hint=remedy(error, path)) from error


def diff(files: Iterable[File], ledger: Ledger, root: Path) -> str:
    """Returns what would change on disk as a unified diff; empty if nothing would.

    Files of the ledger that are not among those wanted would go.
    """
    return "".join(line for file in _wanted(files, ledger) for line in _changes(file, root))


def carry_out(files: Iterable[File], ledger: Ledger, root: Path) -> None:
    """Writes the files and removes those of the ledger that are not wanted any more.

    All texts are on disk before the first of them takes its place, so a full disk changes nothing.

    Raises:
        TargetError: a file cannot be written or removed.
    """
    drafts: dict[Path, Path] = {}
    wanted = _wanted(files, ledger)
    try:
        for file in wanted:
            path = under(root, file.path)
            if file.text:
                path.parent.mkdir(parents=True, exist_ok=True)
                drafts[path] = _drafted(path, file.text, file.mode)
        for file in wanted:
            path = under(root, file.path)
            if file.text:
                drafts[path].rename(path)
                sync_names(path.parent)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        msg = f"cannot write {file.path}: {error.strerror}"
        raise TargetError(msg, hint=remedy(error, file.path)) from error
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def put_back(replaced: Iterable[File], before: Iterable[File], root: Path) -> None:
    """Undoes what `carry_out` did of some files, however far it came; `before` was there.

    Raises:
        TargetError: a file cannot be read, written or removed.
    """
    old, new = {file.path: file for file in before}, {file.path: file for file in replaced}
    back = [old.get(path, File(path, "")) for path, file in new.items() if found(root, path) == file.text]
    back += [file for path, file in old.items() if path not in new and found(root, path) is None]
    carry_out(back, Ledger(), root)


def changed(ledger: Ledger, root: Path) -> tuple[str, ...]:
    """Returns our files that somebody else has changed since; those that are gone do not count."""
    texts = ((file, found(root, file.path)) for file in ledger.files)
    return tuple(file.path for file, text in texts if text is not None and not file.is_ours(text))


def lines_left(ledger: Ledger, wanted: Iterable[File], root: Path) -> tuple[str, ...]:
    """Returns the settings of ours that are to go and still stand in files that somebody else changed.

    Each as `file: line`. The next boot sets them again.
    """
    texts = {file.path: set(file.text.splitlines()) for file in wanted}
    lines = []
    for path in changed(ledger, root):
        there, ours = (found(root, path) or "").splitlines(), ledger.file(path)
        gone = set(ours.text.splitlines() if ours else ()) - texts.get(path, set())
        lines += [f"{path}: {line}" for line in there if line in gone and line and line[0] != "#"]
    return tuple(lines)


def replace_file(path: Path, text: str) -> None:
    """Puts a text in the place of a file, on disk when it returns: whole or not at all, whatever happens.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    _drafted(path, text, MODE).rename(path)
    sync_names(path.parent)


def _drafted(path: Path, text: str, mode: int) -> Path:
    """Returns a file beside a path that holds a text, on disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")  # no drop-in folder reads names like this
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return draft


def under(root: Path, path: str) -> Path:
    """Returns where a file that is named from / lies below a root."""
    return root / path.lstrip("/")


def remedy(error: OSError, path: str) -> str:
    """Returns what to do about a file that cannot be read or written."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return "run it as root"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some disk space"
    return "make it writable" if error.errno == errno.EROFS else f"look at what is there: ls -ld {path}"


def _wanted(files: Iterable[File], ledger: Ledger) -> list[File]:
    """Returns the files as they should be, an empty text for those that should go."""
    wanted = {file.path: File(file.path, "") for file in ledger.files}
    return list((wanted | {file.path: file for file in files}).values())


def _changes(file: File, root: Path) -> Iterator[str]:
    present = found(root, file.path)
    one = "/dev/null" if present is None else file.path
    other = file.path if file.text else "/dev/null"
    before, after = (present or "").splitlines(keepends=True), file.text.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, one, other):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def sync_names(directory: Path) -> None:
    """Makes the names of a directory reach the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
