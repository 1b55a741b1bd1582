"""Small files the kernel shows its settings in: read whole, written in one system call, never made."""

import errno
import os
from pathlib import Path, PurePosixPath


def words(path: str) -> tuple[str, ...]:
    """Returns the words of a file.

    Raises:
        OSError: the kernel's answer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return tuple(os.read(descriptor, 4096).decode("ascii", "replace").split())
    finally:
        os.close(descriptor)


def write(path: str, found: tuple[str, ...]) -> None:
    """Hands words to the kernel in a single system call, at offset 0; the file must exist.

    Raises:
        OSError: the kernel's answer; EINVAL if it took only a part.
    """
    line = f"{' '.join(found)}\n".encode("ascii")
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        written = os.write(descriptor, line)
    finally:
        os.close(descriptor)
    if written != len(line):
        raise OSError(errno.EINVAL, f"the kernel took {written} of {len(line)} bytes")


def check_writable(path: str) -> None:
    """Opens a file for writing and writes nothing: mode 0644 and root do not mean writable.

    Raises:
        OSError: the kernel's answer.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))


class Tree:
    """The files below one folder of the kernel's; `at` is another place only for plain files alike."""

    def __init__(self, root: PurePosixPath, at: Path) -> None:
        self._root = root
        self._at = at
        self._found: dict[str, str] = {}

    def file(self, path: str) -> str:
        """Returns where the file of a knob's path is.

        Raises:
            OSError: the path leads out of the folder, or a mark in it has not been filled in.
        """
        if path not in self._found:
            self._found[path] = str(self._at / self._relative(path))
        return self._found[path]

    def _relative(self, path: str) -> PurePosixPath:
        pure = PurePosixPath(path)
        relative = pure.is_relative_to(self._root) or not pure.is_absolute()
        if not relative or ".." in pure.parts or "{" in path:
            raise OSError(errno.EPERM, f"not a knob's path: {path}")
        return pure.relative_to(self._root) if pure.is_absolute() else pure
