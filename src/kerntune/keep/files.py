"""Files as a whole: read, compared, replaced atomically, removed. Everything lies below a root."""

import difflib
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
        raise TargetError(msg, hint="run it as root") from error


def diff(files: Iterable[File], ledger: Ledger, root: Path) -> str:
    """Returns what would change on disk as a unified diff; empty if nothing would.

    Files of the ledger that are not among those wanted would go.
    """
    return "".join(line for file in _wanted(files, ledger) for line in _changes(file, root))


def carry_out(files: Iterable[File], ledger: Ledger, root: Path) -> None:
    """Writes the files and removes those of the ledger that are not wanted any more.

    Raises:
        TargetError: a file cannot be written or removed.
    """
    for file in _wanted(files, ledger):
        path = under(root, file.path)
        try:
            if file.text:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, file.text)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            msg = f"cannot write {file.path}: {error.strerror}"
            raise TargetError(msg, hint="run it as root; is /etc read-only?") from error


def changed(ledger: Ledger, root: Path) -> tuple[str, ...]:
    """Returns our files that somebody else has changed since; those that are gone do not count."""
    texts = ((file, found(root, file.path)) for file in ledger.files)
    return tuple(file.path for file, text in texts if text is not None and not file.is_ours(text))


def replace_file(path: Path, text: str) -> None:
    """Puts a text in the place of a file, on disk when it returns: whole or not at all, whatever happens.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")  # no drop-in folder reads names like this
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), MODE)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    _sync_names(path.parent)


def under(root: Path, path: str) -> Path:
    """Returns where a file that is named from / lies below a root."""
    return root / path.lstrip("/")


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


def _sync_names(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
