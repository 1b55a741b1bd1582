"""Reads udev rules (udev(7)): which of them write attributes of disks and network devices, or settings."""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kerntune.owners.setting import dropped_in
from kerntune.owners.sysctl import kernel_file

FOLDERS = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d")
WORD = re.compile(r'(\w+)(?:\{([^}"]+)\})?\s*(==|!=|\+=|-=|:=|=)\s*e?"((?:[^"\\]|\\.)*)"')
SUBSYSTEMS = {"block": "block", "class/net": "net"}
"""Where sysfs lists devices that a knob may belong to, and udev's word for them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One assignment of a rule: what it writes, and on which devices."""

    attribute: str
    is_setting: bool
    subsystem: str
    devices: tuple[str, ...]
    place: str

    def writes(self, path: str) -> bool:
        """Returns whether the rule may write a file of the kernel."""
        if self.is_setting:
            return kernel_file(self.attribute) == path
        found = _device(path)
        if found is None:
            return False
        subsystem, device, attribute = found
        fits = not self.devices or any(fnmatch.fnmatchcase(device, mask) for mask in self.devices)
        return self.attribute == attribute and self.subsystem in ("", subsystem) and fits


def rules(root: Path) -> list[Rule]:
    """Returns the assignments of all rules of a machine to attributes and settings."""
    found: list[Rule] = []
    for text in dropped_in(root, FOLDERS, ".rules"):
        joined = re.sub(r"\\\n", "  ", text.text)
        for number, line in enumerate(joined.splitlines(), start=1):
            if not line.lstrip().startswith("#"):
                found += _assignments(line, f"udev rule {text.file} line {number}")
    return found


def claims(rules: Iterable[Rule], path: str) -> Iterator[str]:
    """Yields the rules that may write a file of the kernel."""
    return (rule.place for rule in rules if rule.writes(path))


def _assignments(line: str, place: str) -> Iterator[Rule]:
    words = WORD.findall(line)
    subsystem = next((value for key, _, sign, value in words if (key, sign) == ("SUBSYSTEM", "==")), "")
    names = [value for key, _, sign, value in words if (key, sign) == ("KERNEL", "==")]
    devices = tuple(mask for value in names for mask in value.split("|"))
    for key, attribute, sign, _ in words:
        if key in ("ATTR", "SYSCTL") and sign in ("=", ":=") and attribute:
            yield Rule(attribute, key == "SYSCTL", subsystem, devices, place)


def _device(path: str) -> tuple[str, str, str] | None:
    """Returns (subsystem, device, attribute) of an attribute's file, None if it is no device's."""
    for place, subsystem in SUBSYSTEMS.items():
        head = PurePosixPath("/sys") / place
        if PurePosixPath(path).is_relative_to(head):
            device, _, attribute = path.removeprefix(f"{head}/").partition("/")
            return (subsystem, device, attribute) if attribute else None
    return None
