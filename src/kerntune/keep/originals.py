"""Other people's files that ours replaced: copied beside the record, and given back when ours go."""

from collections.abc import Iterable
from pathlib import Path

from kerntune.errors import StoreError
from kerntune.keep.files import found, replace_file, under
from kerntune.keep.record import File, Ledger


def put_aside(paths: Iterable[str], ledger: Ledger, root: Path, directory: Path) -> None:
    """Copies files into a directory before they are replaced.

    What was there before any file of ours is an `.orig`, and comes back. A file of ours that somebody else
    has changed holds our lines, too: its copy, `.changed`, is for people to look at.

    Raises:
        TargetError, StoreError: one cannot be read, or copied; nothing was replaced.
    """
    for path in paths:
        text, source = found(root, path), under(root, path)
        copy = _copy(path, directory, ".orig" if ledger.file(path) is None else ".changed")
        try:
            if text is not None:
                replace_file(copy, text)
                copy.chmod(source.stat().st_mode & 0o777)
        except OSError as error:
            msg = f"cannot copy {path} to {copy}: {error.strerror}"
            raise StoreError(msg, hint="free some disk space, or move that file away") from error


def given_back(wanted: Iterable[File], ledger: Ledger, directory: Path) -> tuple[File, ...]:
    """Returns the files that come back where ours, in the ledger, are not wanted any more."""
    kept = {file.path for file in wanted}
    copies = {file.path: _copy(file.path, directory, ".orig") for file in ledger.files}
    return tuple(
        File(path, copy.read_bytes().decode("utf-8", "surrogateescape"), copy.stat().st_mode & 0o777)
        for path, copy in copies.items()
        if path not in kept and copy.exists()
    )


def forget(files: Iterable[File], directory: Path) -> None:
    """Removes the copies of files that are back in their places."""
    for file in files:
        _copy(file.path, directory, ".orig").unlink(missing_ok=True)


def _copy(path: str, directory: Path, suffix: str) -> Path:
    return directory / (path.strip("/").replace("/", "-") + suffix)
