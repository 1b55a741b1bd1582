"""Reads tuned profiles (tuned.conf): what their plug-ins set, as files of the kernel with values."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kerntune.owners.setting import Setting, read
from kerntune.owners.sysctl import kernel_file

FOLDERS = ("/etc/tuned", "/etc/tuned/profiles", "/usr/lib/tuned", "/usr/lib/tuned/profiles")
ACTIVE = "/etc/tuned/active_profile"
DEEPEST = 8  # profiles that include each other for ever
THP = "/sys/kernel/mm/transparent_hugepage"
POLICIES = "/sys/devices/system/cpu/cpufreq/policy*"
FILES = {
    ("vm", "transparent_hugepages"): f"{THP}/enabled",
    ("vm", "transparent_hugepage"): f"{THP}/enabled",
    ("vm", "transparent_hugepage.defrag"): f"{THP}/defrag",
    ("vm", "dirty_ratio"): "/proc/sys/vm/dirty_ratio",
    ("vm", "dirty_background_ratio"): "/proc/sys/vm/dirty_background_ratio",
    ("vm", "dirty_bytes"): "/proc/sys/vm/dirty_bytes",
    ("vm", "dirty_background_bytes"): "/proc/sys/vm/dirty_background_bytes",
    ("disk", "elevator"): "/sys/block/*/queue/scheduler",
    ("disk", "readahead"): "/sys/block/*/queue/read_ahead_kb",
    ("disk", "readahead_multiply"): "/sys/block/*/queue/read_ahead_kb",
    ("cpu", "governor"): f"{POLICIES}/scaling_governor",
    ("cpu", "energy_performance_preference"): f"{POLICIES}/energy_performance_preference",
    ("cpu", "min_perf_pct"): "/sys/devices/system/cpu/intel_pstate/min_perf_pct",
    ("cpu", "max_perf_pct"): "/sys/devices/system/cpu/intel_pstate/max_perf_pct",
    ("cpu", "no_turbo"): "/sys/devices/system/cpu/intel_pstate/no_turbo",
}
"""Options of plug-ins that are files of the kernel under another name."""

COMPUTED = frozenset(("readahead_multiply",))
TOLD_NOTHING = frozenset(("main", "variables"))
OWN_OPTIONS = frozenset(("type", "enabled", "dynamic", "replace", "devices", "uname_regex", "cpuinfo_regex"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What one tuned.conf says: what it includes, its settings, and what is not taken, one line each."""

    includes: tuple[str, ...]
    settings: tuple[Setting, ...]
    problems: tuple[str, ...]


def parse(text: str, file: str) -> Profile:
    """Returns what a tuned.conf sets; values that tuned would compute or compare are told as problems."""
    includes: list[str] = []
    settings: list[Setting] = []
    problems: list[str] = []
    for section, key, value, number in _options(text):
        if section.kind == "main":
            includes += re.split(r"[\s,;]+", value) if key == "include" else []
        if section.kind in TOLD_NOTHING:
            continue
        path = _path(section, key)
        problem = _problem(section, key, value, path)
        if problem is None and path is not None:
            settings.append(Setting(path, _amount(key, value), file, number))
        elif problem:
            problems.append(f"line {number}: {problem}")
    return Profile(tuple(filter(None, includes)), tuple(settings), tuple(problems))


def find(root: Path, profile: str) -> Path | None:
    """Returns the tuned.conf of a profile's name, None if there is none."""
    if "/" in profile or profile.startswith("."):
        return None
    paths = (root / folder.lstrip("/") / profile / "tuned.conf" for folder in FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def active(root: Path) -> tuple[str, ...]:
    """Returns the names of the profiles that tuned has been told to use."""
    return tuple(read(root / ACTIVE.lstrip("/")).split())


def written(root: Path, profile: str, depth: int = 0) -> Iterator[str]:
    """Yields the files of the kernel, patterns included, that a profile and what it includes may write."""
    path = find(root, profile)
    if path is None or depth > DEEPEST:
        return
    text = read(path)
    for section, key, _, _ in _options(text):
        file = _path(section, key)
        if file is not None:
            yield file
    for included in parse(text, str(path)).includes:
        yield from written(root, included, depth + 1)


@dataclass(frozen=True, slots=True)
class _Section:
    """A section's plug-in, and whether a regular expression decides if it counts on a machine."""

    kind: str
    condition: str = ""
    devices: str = ""


def _options(text: str) -> Iterator[tuple[_Section, str, str, int]]:
    """Yields (section, option, value with the sign of a comparison, line number)."""
    lines = [line.strip() for line in text.splitlines()]
    starts = [number for number, line in enumerate(lines) if re.fullmatch(r"\[.+\]", line)]
    for start, end in pairwise([*starts, len(lines)]):
        options = [(*_split(lines[number]), number + 1) for number in range(start + 1, end)]
        found = {key: value for key, value, _ in options}
        name = lines[start][1:-1].strip()
        conditions = [found[key] for key in ("uname_regex", "cpuinfo_regex") if key in found]
        kind = found.get("type", name.partition(".")[0])
        section = _Section(kind, " ".join(conditions), found.get("devices", ""))
        for key, value, number in options:
            if key and key not in OWN_OPTIONS:
                yield section, key, value, number


def _split(line: str) -> tuple[str, str]:
    """Returns (option, value); the sign of a comparison (`key=>4096`) stays with the value."""
    key, equals, value = line.partition("=")
    if not equals or line[0] in "#;":
        return "", ""
    return key.strip(), re.sub(r"\s#.*", "", value).strip()


def _path(section: _Section, key: str) -> str | None:
    if section.kind == "sysctl":
        return kernel_file(key)
    if section.kind == "sysfs":
        path = posixpath.normpath(key)
        return path if path.startswith("/sys/") else None
    if section.kind == "scheduler" and key.startswith("sched_"):
        return f"/proc/sys/kernel/{key}"
    return FILES.get((section.kind, key))


def _problem(section: _Section, key: str, value: str, path: str | None) -> str | None:
    """Returns why an option gives no plain value, None if it does."""
    if path is None:
        return f"[{section.kind}] {key} is not taken: it is no single file of the kernel"
    if section.condition:
        return f"{key} is not taken: it counts only where the machine is like {section.condition!r}"
    if section.devices:
        return f"{key} is not taken: it counts only for the devices {section.devices}"
    if "${" in value or key in COMPUTED:
        return f"{key} = {value} is not taken: tuned computes it"
    if value[:1] in ("<", ">"):
        word = "less" if value[0] == "<" else "more"
        return f"{key} is not taken: tuned writes {value[1:]} only where that is {word} than what is there"
    return None


def _amount(key: str, value: str) -> str:
    """Returns a value in the kernel's unit: readahead may be given in sectors of 512 bytes (`8192 s`)."""
    sectors = re.fullmatch(r"(\d{1,18})\s+s", value) if key == "readahead" else None
    return str(int(sectors[1]) // 2) if sectors else " ".join(value.strip("\"'").split())
