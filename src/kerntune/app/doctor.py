"""The doctor: what this machine lets us tune, what is missing, and how to get it. Changes nothing."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from kerntune import host
from kerntune.app.machine import applied_now
from kerntune.app.plugins import plugin
from kerntune.app.settings import Settings
from kerntune.catalog import load, mark_of
from kerntune.errors import KerntuneError, RunFailed
from kerntune.model.knob import Absence, AbsenceReason, Reading
from kerntune.report.applied import applied_lines
from kerntune.targets.host.rights import INSTALLED
from kerntune.workloads.programs import PACKAGES, need

ENOUGH_MIB = 64
"""Free space that a store of many studies and the journals fit into."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `fatal`: without it nothing can be tuned here."""

    what: str
    detail: str
    good: bool = True
    remedy: str = ""
    fatal: bool = False


def examined(here: Settings) -> Iterator[Finding]:
    """Yields what was found, in the order in which it matters."""
    yield _machine()
    yield from _sandbox(here)
    yield from _host(here)
    yield _programs()
    yield _state(here)
    yield _leftovers(here)
    yield _gp()


def _machine() -> Finding:
    facts = host.facts()
    detail = f"Linux {facts.kernel} on {facts.architecture}, {facts.cpus} CPUs ({facts.cpu_model})"
    return Finding("machine", detail)


def readings(here: Settings, target: str) -> Mapping[str, Reading]:
    """Returns every knob's present value on a target, or why it cannot be turned there.

    A knob that each device has is read at the target's first device, and stands under its template's name.

    Raises:
        TargetError: The target cannot be made on this machine.
    """
    catalog = load()
    with plugin("targets", target)({}, journal_dir=here.journal_dir_of(target), catalog=catalog) as opened:
        names = {_filled(name, opened.devices): name for name in catalog.knobs}
        lacking = {name for name in names if mark_of(name) is not None}
        found = opened.read(name for name in names if name not in lacking)
        absent = Absence(AbsenceReason.HARDWARE, f"{target} has no such device")
        return {names[name]: found.get(name, absent) for name in names}


def _filled(name: str, devices: Mapping[str, tuple[str, ...]]) -> str:
    """Returns a knob's name with its mark filled in by the first device of that sort, if there is one."""
    for mark, found in devices.items():
        name = name.replace(f"{{{mark}}}", found[0]) if found else name
    return name


def _sandbox(here: Settings) -> Iterator[Finding]:
    try:
        opened = plugin("targets", "netns")({}, journal_dir=here.journal_dir, catalog=load())
        with opened as target, target.applied({}) as place:
            link = place.link
        found = readings(here, "netns")
    except KerntuneError as error:
        yield Finding("target netns", str(error), good=False, remedy=error.hint, fatal=True)
        return
    how = f"link emulated by {link.emulator}" if link is not None else "direct link"
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    yield Finding("target netns", f"works as {who}, {how}")
    absent = [reading for reading in found.values() if isinstance(reading, Absence)]
    detail = f"{len(found) - len(absent)} of {len(found)} knobs can be turned on netns"
    yield Finding("knobs", detail, remedy="kerntune knobs list says why the others cannot" if absent else "")


def _host(here: Settings) -> Iterator[Finding]:
    found = readings(here, "host")
    present = sum(not isinstance(reading, Absence) for reading in found.values())
    detail = f"{present} of {len(found)} knobs can be turned on this machine"
    if os.geteuid() == 0:
        yield Finding("target host", detail)
    elif INSTALLED.exists() and shutil.which("sudo"):
        yield Finding("target host", f"{detail}, through sudo")
    else:
        yield Finding(
            "target host",
            "the machine's knobs are root's, and the hand that turns them is not installed",
            good=False,
            remedy="run kerntune as root, or once: sudo kerntune setup",
        )


def _programs() -> Finding:
    missing: dict[str, str] = {}
    for program in sorted(PACKAGES):
        try:
            need(program)
        except RunFailed as error:
            missing[program] = error.hint
    if not missing:
        return Finding("programs", "every program that our workloads start is installed")
    remedy = "; ".join(dict.fromkeys(missing.values()))
    return Finding("programs", f"not installed: {', '.join(missing)}", good=False, remedy=remedy)


def _state(here: Settings) -> Finding:
    place = next(path for path in (here.state_dir, *here.state_dir.parents) if path.exists())
    free_mib = shutil.disk_usage(place).free >> 20
    if not os.access(place, os.W_OK):
        remedy = "set XDG_STATE_HOME to a directory of yours"
        return Finding("state", f"{here.state_dir} is not writable", good=False, remedy=remedy, fatal=True)
    if free_mib < ENOUGH_MIB:
        remedy = f"make room on the file system of {place}"
        return Finding("state", f"{free_mib} MiB free in {here.state_dir}", good=False, remedy=remedy)
    return Finding("state", f"{here.state_dir}, {free_mib >> 10} GiB free")


def _leftovers(here: Settings) -> Finding:
    found = applied_now(here)
    lines = list(applied_lines(found))
    if not lines:
        return Finding("applied now", "nothing: every knob is as the machine has it")
    remedy = "sudo kerntune status" if any(entry.header is None for entry in found) else "kerntune undo"
    return Finding("applied now", "\n      ".join(lines), good=False, remedy=remedy)


def _gp() -> Finding:
    if find_spec("torch") is not None and find_spec("scipy") is not None:
        return Finding("optimizer gp", "torch and scipy are installed")
    detail = "torch is not installed; auto uses tpe, which needs nothing"
    return Finding("optimizer gp", detail, remedy='optional: pip install "kerntune[gp]"')
