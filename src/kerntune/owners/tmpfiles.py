"""Reads tmpfiles.d(5): lines that write to files of the kernel, and which of them lasts."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from kerntune.owners.setting import Lookup, Setting, dropped_in

FOLDERS = ("/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d")
LINE = re.compile(r"""(w\S*)\s+("(?:[^"\\]|\\.)*"|'[^']*'|\S+)((?:\s+\S+){4})\s+(\S.*)""")
ESCAPES = {r"\\": "\\", "%%": "%"}


def parse(text: str, file: str) -> list[Setting]:
    """Returns what a file writes to /sys and /proc/sys: its `w` lines."""
    settings = []
    for number, raw in enumerate(text.splitlines(), start=1):
        found = LINE.fullmatch(raw.strip())
        if found is None:
            continue
        path = _plain(_unquoted(found[2]))
        if path.startswith(("/sys/", "/proc/sys/")):
            settings.append(Setting(path, _plain(found[4]), file, number))
    return settings


def settings(root: Path) -> list[Setting]:
    """Returns what all files of a machine write to the kernel, in the order in which they are read."""
    texts = dropped_in(root, FOLDERS, ".conf")
    return [setting for text in texts for setting in parse(text.text, text.file)]


def effective(settings: Iterable[Setting]) -> Lookup:
    """Returns which setting each file of the kernel ends up with.

    Of lines that name one file the first counts, the others are refused as duplicates; patterns are written
    after all of these (systemd 252, seen by trying).
    """
    named: dict[str, Setting] = {}
    patterns: list[Setting] = []
    for setting in settings:
        if setting.is_pattern:
            patterns.insert(0, setting)
        else:
            named.setdefault(setting.path, setting)
    return lambda path: next((found for found in patterns if found.sets(path)), None) or named.get(path)


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word)[:1])
    except ValueError:
        return word


def _plain(text: str) -> str:
    return re.sub(r"\\\\|%%", lambda found: ESCAPES[found[0]], text)
