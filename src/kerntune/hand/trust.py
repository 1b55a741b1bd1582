"""Refuses to work as root from files that somebody else could have written.

It cannot undo what such a file has done by being imported: it keeps an installation that anybody can change
from being used at all. Where an ordinary user needs the hand, `bundle` makes one file of root's for sudo.
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from kerntune.errors import HandError

LONGEST_CHAIN = 40  # links followed for one path, as many as the kernel follows
ROOT = 0
ACCESS_LIST = "system.posix_acl_access"


def check(paths: Iterable[Path]) -> None:
    """Makes sure that nobody but root can change any of the files, nor what leads to them.

    Every directory and link on the way counts. A directory where all may write but nobody can remove what is
    not theirs (/tmp) is as good as what stands in it.

    Raises:
        HandError: the first one that somebody else can change (kind "trust").
    """
    seen: set[Path] = set()
    for path in paths:
        for step in _steps(path.absolute()):
            if step not in seen:
                seen.add(step)
                why = _weakness(step)
                if why:
                    raise _untrusted(step, why)


def loaded() -> Iterator[Path]:
    """Yields what this program is made of: its interpreter, its modules, their folders, the catalogue."""
    yield Path(sys.executable)
    for entry in sys.path:
        yield _existing(Path(entry))
    for module in list(sys.modules.values()):
        for place in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
            if isinstance(place, str) and Path(place).exists():
                yield Path(place)
    catalog = files("kerntune.catalog")
    if isinstance(catalog, Path):  # else it is inside the file that was checked as part of sys.path
        yield from catalog.rglob("*.toml")


def _existing(path: Path) -> Path:
    """Returns a path, or the nearest folder above it that is there: whoever may write there may make it."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _steps(path: Path) -> Iterator[Path]:
    """Yields everything the kernel passes on its way to a file, the targets of links included."""
    waiting = [path]
    for _ in range(LONGEST_CHAIN):
        if not waiting:
            return
        whole = waiting.pop()
        for step in (*reversed(whole.parents), whole):
            yield step
            if step.is_symlink():
                target = Path(os.path.normpath(step.parent / step.readlink()))
                waiting.append(target / whole.relative_to(step))
                break
    raise _untrusted(path, "too many links lead to it")


def _weakness(path: Path) -> str:
    """Returns who could change what a path leads to; empty if only root can."""
    facts = path.lstat()
    if facts.st_uid != ROOT:
        return f"it belongs to user {facts.st_uid}"
    if stat.S_ISLNK(facts.st_mode) or (stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX):
        return ""
    if facts.st_mode & stat.S_IWOTH:
        return "everybody may write to it"
    if facts.st_mode & stat.S_IWGRP and facts.st_gid != ROOT:
        return f"group {facts.st_gid} may write to it"
    if facts.st_mode & stat.S_IWGRP and ACCESS_LIST in _attributes(path):
        return "its access list lets others write to it"  # those bits are the list's mask then (acl(5))
    return ""


def _attributes(path: Path) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError:
        return []  # a file system without them


def _untrusted(path: Path, why: str) -> HandError:
    msg = f"will not run as root from {path}: {why}"
    hint = (
        "install kerntune where only root can write (a virtual environment of root's in /opt), "
        f"or: chown root {path} and chmod go-w {path}"
    )
    return HandError(msg, kind="trust", hint=hint)
