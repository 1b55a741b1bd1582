"""The catalogue against this machine's own kernel: everything is read, nothing is written."""

import os
import stat
from pathlib import Path

import pytest

from kerntune.catalog import Catalog, expanded, load
from kerntune.hand.kinds import Kind, Words, kinds
from kerntune.hand.panel import Panel
from kerntune.model.knob import Absence, AbsenceReason, Choice, Knob, Scope
from kerntune.model.plan import Pick

PLACES = {
    "device": "/sys/class/net",
    "disk": "/sys/block",
    "ext4": "/sys/fs/ext4",
    "policy": "/sys/devices/system/cpu/cpufreq",
}
NO_DEVICES = {"features", "bonding_masters", "boost", "schedutil", "ondemand", "conservative"}
"""What stands beside the devices in their folders."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="module")
def here(catalog: Catalog) -> list[Knob]:
    """The knobs that are the machine's, each template for every device there is."""
    devices = {
        word: tuple(sorted(path.name for path in Path(place).glob("*") if path.name not in NO_DEVICES))
        for word, place in PLACES.items()
    }
    knobs = [knob for knob in catalog.knobs.values() if knob.scope is not Scope.NETNS]
    picks, _ = expanded([Pick(knob.name, "here", "here") for knob in knobs], devices)
    return [knob for pick in picks if (knob := catalog.find(pick.knob)) is not None]


class Watched:
    """A kind that is only looked through: whoever writes through it fails."""

    def __init__(self, kind: Kind) -> None:
        self.read = kind.read
        self.check_writable = kind.check_writable

    def write(self, knob: Knob, words: Words) -> None:
        pytest.fail(f"{knob.name} would have been set to {words}")


@pytest.fixture(scope="module")
def panel(catalog: Catalog) -> Panel:
    return Panel(catalog, {word: Watched(kind) for word, kind in kinds().items()})


def test_every_present_file_reads_as_a_value_of_its_type(panel: Panel, here: list[Knob]) -> None:
    """Numbers are numbers, words are single words, and what is absent has a class and a reason."""
    readings = {knob.name: panel.reading(knob.name) for knob in here}
    wrong = []
    for knob in here:
        reading = readings[knob.name]
        has_words = isinstance(knob.domain, Choice) and isinstance(knob.domain.values[0], str)
        if isinstance(reading, Absence):
            if reading.reason is AbsenceReason.UNKNOWN or not reading.detail:
                wrong.append(f"{knob.name}: {reading.detail}")
        elif not isinstance(reading, str if has_words else int):
            wrong.append(f"{knob.name} reads {reading!r}")

    absent = sorted(name for name, reading in readings.items() if isinstance(reading, Absence))
    print(f"{len(readings) - len(absent)} of {len(readings)} are here; not: {', '.join(absent)}")  # noqa: T201
    assert wrong == []


@pytest.mark.root
def test_as_root_what_may_not_be_written_is_known_by_its_mode(panel: Panel, here: list[Knob]) -> None:
    """A file is opened for writing and closed: either it opens, or its mode or the kernel says why not."""
    for knob in here:
        path = Path(knob.path)
        if not path.exists():
            continue
        reading = panel.reading(knob.name)
        writable = bool(stat.S_IMODE(path.stat().st_mode) & 0o222)
        if isinstance(reading, Absence):
            assert not writable or reading.reason is not AbsenceReason.VERSION, f"{knob.name}: {reading}"
        elif os.geteuid() == 0:
            assert writable, f"{knob.name} has mode {oct(path.stat().st_mode)} and was taken for writable"
