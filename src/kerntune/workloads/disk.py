"""Directories on a place's disk: made by the account that programs run as; refused when room is short."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerntune.errors import RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Place

RESERVE_MIB = 512
"""MiB of a disk that stay free, whatever a workload writes: the machine is in use."""

_PATIENCE_S = 60.0


def directory(place: Place, host: str, name: str) -> Path:
    """Returns a directory in the host's scratch directory, made if it is not there; nobody else may enter.

    Raises:
        RunFailed: it cannot be made.
    """
    path = place.scratch(host) / name
    execute(place, host, ["mkdir", "-m", "700", "-p", str(path)], deadline_s=_PATIENCE_S)
    return path


def empty_directory(place: Place, host: str, name: str) -> Path:
    """Returns a new, empty directory in the host's scratch directory.

    Raises:
        RunFailed: it exists and is not empty, or cannot be made.
    """
    path = place.scratch(host) / name
    if path.is_dir() and any(path.iterdir()):
        msg = f"the directory {path} is not empty"
        raise RunFailed(msg, kind="exit", hint="is it left from a run that was killed? then delete it")
    return directory(place, host, name)


@contextmanager
def passing_directory(place: Place, host: str, name: str, *, needed_mib: float = 2) -> Iterator[Path]:
    """Makes an empty directory for the length of the block, where a server can write the little it needs.

    Raises:
        RunFailed: it cannot be made, or there is no room.
    """
    check_room(place.scratch(host), needed_mib, "a server", reserve_mib=0)
    path = empty_directory(place, host, name)
    try:
        yield path
    finally:
        execute(place, host, ["rm", "-rf", "--", str(path)], deadline_s=_PATIENCE_S)


def write_file(place: Place, host: str, path: Path, text: str) -> None:
    """Writes a file as the account that programs run as: root never writes where others can put links.

    Raises:
        RunFailed: it cannot be written.
    """
    argv = ["/bin/sh", "-c", 'printf %s "$2" > "$1"', "sh", str(path), text]
    execute(place, host, argv, deadline_s=_PATIENCE_S)


def check_room(path: Path, needed_mib: float, what: str, *, reserve_mib: int = RESERVE_MIB) -> None:
    """Checks that so much can be written below a directory, and the reserve stays free.

    Raises:
        RunFailed: it cannot (kind "exit"); nothing was written.
    """
    free_mib = shutil.disk_usage(path).free >> 20
    if needed_mib > free_mib - reserve_mib:
        msg = f"{what} needs {needed_mib:.0f} MiB on the disk of {path}, and {free_mib} MiB are free"
        hint = f"make room ({reserve_mib} MiB are left free), or choose less data"
        raise RunFailed(msg, kind="exit", hint=hint)
