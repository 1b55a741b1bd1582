"""Directories on a place's disk: made by the account that programs run as; refused when room is short."""

import shutil
from pathlib import Path

from kerntune.errors import RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Place

RESERVE_MIB = 512
"""MiB of a disk that stay free, whatever a workload writes: the machine is in use."""


def directory(place: Place, host: str, name: str, *, deadline_s: float = 60.0) -> Path:
    """Returns a directory in the host's scratch directory, made if it is not there.

    Raises:
        RunFailed: it cannot be made.
    """
    path = place.scratch(host) / name
    execute(place, host, ["mkdir", "-p", str(path)], deadline_s=deadline_s)
    return path


def check_room(path: Path, needed_mib: int, *, reserve_mib: int = RESERVE_MIB) -> None:
    """Checks that so much can be written below a directory, and the reserve stays free.

    Raises:
        RunFailed: it cannot (kind "exit"); nothing was written.
    """
    free_mib = shutil.disk_usage(path).free >> 20
    if needed_mib > free_mib - reserve_mib:
        msg = (
            f"the disk of {path} is nearly full: {needed_mib} MiB are needed, {free_mib} MiB are free, "
            f"of which {reserve_mib} MiB stay free"
        )
        raise RunFailed(msg, kind="exit", hint="free some, or give the workload less data")
