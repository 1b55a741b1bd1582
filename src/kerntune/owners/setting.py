"""A value that a line of some file gives a file of the kernel, and where such lines are found."""

import fnmatch
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST = 1 << 20  # bytes of a configuration file that are looked at


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment: `path` is the kernel's file and may hold shell patterns; `file` is named from /."""

    path: str
    value: str
    file: str
    line: int

    @property
    def is_pattern(self) -> bool:
        """Returns whether the line stands for every file that a pattern describes."""
        return any(char in self.path for char in "*?[")

    @property
    def place(self) -> str:
        """Returns where the line stands: `/etc/sysctl.d/10-web.conf line 3`."""
        return f"{self.file} line {self.line}"

    def sets(self, path: str) -> bool:
        """Returns whether it sets a file of the kernel. `*` does not reach across a slash (glob(7))."""
        if not self.is_pattern:
            return self.path == path
        wanted, given = self.path.split("/"), path.split("/")
        pairs = zip(wanted, given, strict=False)
        return len(wanted) == len(given) and all(fnmatch.fnmatchcase(part, mask) for mask, part in pairs)


Lookup = Callable[[str], Setting | None]
"""Says which of many settings a file of the kernel ends up with."""


@dataclass(frozen=True, slots=True)
class Text:
    """A configuration file that counts: its name from / and what it holds."""

    file: str
    text: str


def read(path: Path) -> str:
    """Returns a file's text, empty where it is missing, not for us, or no file; never raises."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def dropped_in(root: Path, folders: Iterable[str], suffix: str) -> Iterator[Text]:
    """Yields the files of drop-in folders as systemd reads them: sorted by name, whatever their folder.

    Of files with one name that of the first folder counts; one that is empty or leads to /dev/null hides the
    others.
    """
    chosen: dict[str, Path] = {}
    for folder in folders:
        for path in _listed(root / folder.lstrip("/")):
            if path.name.endswith(suffix):
                chosen.setdefault(path.name, path)
    for name in sorted(chosen):
        yield Text(posixpath.join("/", chosen[name].relative_to(root).as_posix()), read(chosen[name]))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
