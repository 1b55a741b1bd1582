"""Reads sysctl.d(5) and sysctl.conf(5): which line sets which kernel setting, and which of them lasts."""

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path

from kerntune.owners.setting import Lookup, Setting, Text, dropped_in, read

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
LAST = "/etc/sysctl.conf"
"""Read after all others by procps (`sysctl --system`), not at all by systemd unless a link leads to it."""

PROC_SYS = "/proc/sys"
SWAPPED = str.maketrans("./", "/.")


def kernel_file(key: str) -> str | None:
    """Returns the file of a setting's name, None if the name leads elsewhere or nowhere.

    Where the first separator is a slash the others are meant as they stand, else dots and slashes change
    places (sysctl.d(5)): `net.ipv4.conf.eth0/100.forwarding` is .../conf/eth0.100/forwarding.
    """
    first = next((char for char in key if char in "./"), "")
    relative = key.translate(SWAPPED) if first == "." else key.removeprefix(f"{PROC_SYS}/")
    path = posixpath.normpath(posixpath.join(PROC_SYS, relative.lstrip("/")))
    is_inside = path.startswith(f"{PROC_SYS}/") and ".." not in relative.split("/")
    return path if is_inside and relative.isprintable() else None


def parse(text: str, file: str) -> tuple[list[Setting], list[str]]:
    """Returns the settings of a file, and what in it is none: one line each."""
    settings, problems = [], []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        path = kernel_file(key.strip().removeprefix("-").strip())
        if equals and path is not None:
            settings.append(Setting(path, " ".join(value.split()), file, number))
        elif line.startswith("-") and path is not None:
            problems.append(f"line {number}: {line} keeps a setting out of a pattern; it gives no value")
        else:
            problems.append(f"line {number}: {line[:60]!r} is not NAME = VALUE")
    return settings, problems


def settings(root: Path) -> list[Setting]:
    """Returns what all files of a machine set, in the order in which they are read."""
    return [setting for text in _texts(root) for setting in parse(text.text, text.file)[0]]


def effective(settings: Iterable[Setting]) -> Lookup:
    """Returns which setting each file of the kernel ends up with: the last one that names it.

    Patterns count only where no line names the file itself.
    """
    named: dict[str, Setting] = {}
    patterns: list[Setting] = []
    for setting in settings:
        if setting.is_pattern:
            patterns.insert(0, setting)
        else:
            named[setting.path] = setting
    return lambda path: named.get(path) or next((found for found in patterns if found.sets(path)), None)


def _texts(root: Path) -> Iterator[Text]:
    last = root / LAST.lstrip("/")
    is_linked = False
    for text in dropped_in(root, FOLDERS, ".conf"):
        is_linked = is_linked or _same(root / text.file.lstrip("/"), last)
        yield text
    if not is_linked:
        yield Text(LAST, read(last))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
