"""Reads and writes files of /proc/sys: integers, vectors of them, single words.

Which network namespace's files these are is decided by the process that opens them, so the hand is started
inside its target.
"""

import errno
import os
from pathlib import Path, PurePosixPath

from kerntune.model.knob import Knob

ROOT = PurePosixPath("/proc/sys")


class Sysctl:
    """Files of /proc/sys; `root` is another place only for plain files with the same names."""

    def __init__(self, root: Path = Path("/proc/sys")) -> None:
        self._root = root
        self._files: dict[str, str] = {}

    def read(self, knob: Knob) -> tuple[str, ...]:
        """Returns the words of the knob's file."""
        descriptor = os.open(self._file(knob), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return tuple(os.read(descriptor, 4096).decode("ascii", "replace").split())
        finally:
            os.close(descriptor)

    def write(self, knob: Knob, words: tuple[str, ...]) -> None:
        """Hands the whole file to the kernel in a single system call, at offset 0; the file must exist.

        The kernel stores a vector element by element (do_proc_dointvec), so after an error the first ones
        may have changed.
        """
        line = f"{' '.join(words)}\n".encode("ascii")
        descriptor = os.open(self._file(knob), os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = os.write(descriptor, line)
        finally:
            os.close(descriptor)
        if written != len(line):
            raise OSError(errno.EINVAL, f"the kernel took {written} of {len(line)} bytes")

    def check_writable(self, knob: Knob) -> None:
        """Opens the file for writing and writes nothing: mode 0644 and root do not mean writable."""
        os.close(os.open(self._file(knob), os.O_WRONLY | os.O_CLOEXEC))

    def _file(self, knob: Knob) -> str:
        if knob.path not in self._files:
            self._files[knob.path] = self._found(knob)
        return self._files[knob.path]

    def _found(self, knob: Knob) -> str:
        path = PurePosixPath(knob.path)
        relative = path.relative_to(ROOT) if path.is_absolute() else path
        if ".." in relative.parts or "{" in knob.path:
            raise OSError(errno.EPERM, f"not a knob's path: {knob.path}")
        return str(self._root / relative)
