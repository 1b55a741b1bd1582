"""Reads and writes files of /proc/sys: integers, vectors of them, single words.

Which network namespace's files these are is decided by the process that opens them, so the hand is started
inside its target.
"""

from pathlib import Path, PurePosixPath

from kerntune.hand.kinds import files
from kerntune.model.knob import Knob

ROOT = PurePosixPath("/proc/sys")


class Sysctl:
    """Files of /proc/sys; `root` is another place only for plain files with the same names."""

    def __init__(self, root: Path = Path("/proc/sys")) -> None:
        self._tree = files.Tree(ROOT, root)

    def read(self, knob: Knob) -> tuple[str, ...]:
        """Returns the words of the knob's file."""
        return files.words(self._tree.file(knob.path))

    def write(self, knob: Knob, words: tuple[str, ...]) -> None:
        """Hands the whole file to the kernel in a single system call, at offset 0; the file must exist.

        The kernel stores a vector element by element (do_proc_dointvec), so after an error the first ones
        may have changed.
        """
        files.write(self._tree.file(knob.path), words)

    def check_writable(self, knob: Knob) -> None:
        """Opens the file for writing and writes nothing: mode 0644 and root do not mean writable."""
        files.check_writable(self._tree.file(knob.path))
