"""Reads and writes files of /sys: numbers, words, `Y` and `N`, and lists with the chosen word in brackets.

/sys shows the machine, whoever mounted it, also to a process inside a namespace of its own.
"""

from pathlib import Path, PurePosixPath

from kerntune.hand.kinds import files
from kerntune.model.knob import Knob

ROOT = PurePosixPath("/sys")


class Sysfs:
    """Files of /sys; `root` is another place only for plain files with the same names."""

    def __init__(self, root: Path = Path("/sys")) -> None:
        self._tree = files.Tree(ROOT, root)

    def read(self, knob: Knob) -> tuple[str, ...]:
        """Returns the words of the knob's file; of a list with brackets, the chosen word alone.

        `always [madvise] never` is `madvise`. A read-only knob is read for what may be chosen: all three.
        """
        words = files.words(self._tree.file(knob.path))
        if knob.read_only:
            return tuple(map(_bare, words))
        return tuple(_bare(word) for word in words if word != _bare(word)) or words

    def write(self, knob: Knob, words: tuple[str, ...]) -> None:
        """Hands the bare word or number to the kernel in a single system call; the file must exist."""
        files.write(self._tree.file(knob.path), words)

    def check_writable(self, knob: Knob) -> None:
        """Opens the file for writing and writes nothing: mode 0644 and root do not mean writable."""
        files.check_writable(self._tree.file(knob.path))


def _bare(word: str) -> str:
    return word[1:-1] if word.startswith("[") and word.endswith("]") else word
