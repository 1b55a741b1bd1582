"""Makes the hand one executable file that sudo can be told to start, and that needs nothing but Python.

`/usr/bin/python3 -IS` runs it: no environment variable, no folder of the user's and no installed package can
put code of their own into it.
"""

import io
import os
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

PYTHON = "/usr/bin/python3"
PARTS = ("errors.py", "interfaces.py", "model", "catalog", "hand")
SUFFIXES = (".py", ".toml")
STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file knows: the same parts make the same bytes
START = "import sys\n\nfrom kerntune.hand.program import main\n\nsys.exit(main(sys.argv[1:]))\n"


def bundle(path: Path, *, python: str = PYTHON) -> None:
    """Writes the hand to a file that only its owner can change and everybody can run, replacing it at once.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o755)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(contents(python))
            os.fchmod(file.fileno(), 0o755)  # whatever the umask says
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def contents(python: str = PYTHON) -> bytes:
    """Returns the bytes of the file: the line that starts it, and the hand's parts packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", START.encode())
        _add(archive, "kerntune/__init__.py", files("kerntune").joinpath("__init__.py").read_bytes())
        for part in PARTS:
            for name, item in _files(files("kerntune").joinpath(part), f"kerntune/{part}"):
                _add(archive, name, item.read_bytes())
    return f"#!{python} -IS\n".encode() + packed.getvalue()


def _files(item: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    if item.is_dir():
        for inner in sorted(item.iterdir(), key=lambda inner: inner.name):
            yield from _files(inner, f"{name}/{inner.name}")
    elif name.endswith(SUFFIXES):
        yield name, item


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
