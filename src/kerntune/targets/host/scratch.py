"""Private directories for workloads, and what a killed tuner left of its own.

A directory is locked by the warden that made it. One that nobody locks was left behind: programs that still
run in it are ended, then it is removed. Nothing but directories of our name and our own user is touched.
"""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kerntune.errors import TargetError
from kerntune.targets.host.account import Account

PREFIX = "kerntune-"


def make(directory: Path, account: Account) -> tuple[Path, int]:
    """Returns a new private directory of an account, and the open file that locks it.

    Raises:
        TargetError: it cannot be made there.
    """
    try:
        made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=directory))
        if os.geteuid() == 0:
            os.chown(made, account.uid, account.gid)
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        msg = f"cannot make a directory for workloads in {directory}: {error.strerror}"
        raise TargetError(msg, hint="choose another: target option directory") from error
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made, lock


def sweep(directory: Path, account: Account) -> None:
    """Ends and removes what killed wardens left in a directory."""
    for left in directory.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if left.is_symlink() or left.stat().st_uid not in {account.uid, os.geteuid()}:
                continue
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(left)
            finally:
                os.close(lock)


def remove(left: Path) -> None:
    """Ends the programs that were left working in a directory, and removes it.

    They have no terminal: a shell of somebody who looks around there is not ours to end.
    """
    for pid in _working_in(left):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(left, ignore_errors=True)


def _working_in(directory: Path) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                terminal = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[4]
                if terminal == "0" and (entry / "cwd").readlink().is_relative_to(directory):
                    yield int(entry.name)
