"""Reads tmpfiles.d(5): lines that write to files of the kernel, and which of them lasts."""

import re
from collections.abc import Iterable
from pathlib import Path

from kerntune.owners.setting import Lookup, Setting, dropped_in

FOLDERS = ("/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d")
LINE = re.compile(r"""(w\S*)\s+("(?:[^"\\]|\\.)*"|'[^']*'|\S+)((?:\s+\S+){4})\s+(\S.*)""")
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([0-7]{3})|(.))")
NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "s": " ", "t": "\t", "v": "\v"}


def parse(text: str, file: str) -> list[Setting]:
    """Returns what a file writes to /sys and /proc/sys: its `w` lines."""
    settings = []
    for number, raw in enumerate(text.splitlines(), start=1):
        found = LINE.fullmatch(raw.strip())
        if found is None:
            continue
        path = _pattern(found[2])
        if path.startswith(("/sys/", "/proc/sys/")):
            settings.append(Setting(path, _argument(found[4]), file, number))
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


def _pattern(word: str) -> str:
    r"""Returns a line's path as fnmatch wants it.

    systemd takes the quotes away and a backslash before any character, then reads the rest as a pattern in
    which a backslash makes the next character plain: `\\\\` stands for one (systemd 252, seen by trying).
    """
    if word[0] in "\"'":
        word = word[1:-1]
    unquoted = re.sub(r"\\(.)", r"\1", word).replace("%%", "%")
    return re.sub(r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?[" else found[1], unquoted)


def _argument(text: str) -> str:
    """Returns a line's argument, which may hold the escapes of C; quotes are part of it."""
    return ESCAPE.sub(_character, text).replace("%%", "%")


def _character(found: re.Match[str]) -> str:
    hexadecimal, octal, letter = found.groups()
    if hexadecimal or octal:
        return chr(int(hexadecimal, 16) if hexadecimal else int(octal, 8))
    return NAMED.get(letter, letter)
