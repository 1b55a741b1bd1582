"""A kernel of plain files that does what the real one does behind one's back, and a machine around it."""

import errno
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kerntune import catalog
from kerntune.catalog import Catalog
from kerntune.hand.panel import Panel
from kerntune.keep import Home, Keeper, Occasion
from kerntune.model.knob import Knob

THP = "/sys/kernel/mm/transparent_hugepage/enabled"
SCHEDULER = "/sys/block/vda/queue/scheduler"
TWINS = {
    "/proc/sys/vm/dirty_bytes": "/proc/sys/vm/dirty_ratio",
    "/proc/sys/vm/dirty_ratio": "/proc/sys/vm/dirty_bytes",
}


PRESENT = {
    "/proc/sys/vm/swappiness": "60",
    "/proc/sys/vm/dirty_ratio": "20",
    "/proc/sys/vm/dirty_bytes": "0",
    "/proc/sys/vm/min_free_kbytes": "11000",
    "/proc/sys/net/ipv4/tcp_wmem": "4096 16384 4194304",
    THP: "madvise",
    SCHEDULER: "none",
    "/sys/block/vda/queue/nr_requests": "256",
}


class Tree(MutableMapping[str, str]):
    """Files below a folder by their path: what a child writes is seen, too."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __getitem__(self, path: str) -> str:
        try:
            return (self.root / path.lstrip("/")).read_text()
        except FileNotFoundError as error:
            raise KeyError(path) from error

    def __setitem__(self, path: str, value: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value)

    def __delitem__(self, path: str) -> None:
        (self.root / path.lstrip("/")).unlink()

    def __iter__(self) -> Iterator[str]:
        return (f"/{file.relative_to(self.root)}" for file in self.root.rglob("*") if file.is_file())

    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass
class Kernel:
    """A kind of knobs. Bytes below two pages are no limit for dirty pages: EINVAL."""

    files: Tree
    refused: set[str] = field(default_factory=set)
    writes: list[tuple[str, str]] = field(default_factory=list)

    def read(self, knob: Knob) -> tuple[str, ...]:
        if knob.path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return tuple(self.files[knob.path].split())

    def write(self, knob: Knob, words: tuple[str, ...]) -> None:
        value = " ".join(words)
        self.writes.append((knob.path, value))
        if value in self.refused or (knob.path.endswith("dirty_bytes") and int(value) < 8192):
            raise OSError(errno.EINVAL, "Invalid argument")
        self.files[knob.path] = value
        if knob.path in TWINS:
            self.files[TWINS[knob.path]] = "0"
        if knob.path == SCHEDULER:
            self.files["/sys/block/vda/queue/nr_requests"] = "256" if value == "none" else "62"
        if knob.path == THP and value == "always":
            self.files["/proc/sys/vm/min_free_kbytes"] = "45056"

    def check_writable(self, knob: Knob) -> None:
        self.read(knob)


@dataclass
class Machine:
    """A kernel, a folder for its files, and a keeper of both; `home` says where its record lies."""

    kernel: Kernel
    root: Path
    keeper: Keeper
    home: Home

    def propose(self, run_id: str, config, **terms):
        return self.keeper.propose(occasion(run_id), config, **terms)

    def apply(self, run_id: str, config, **terms):
        return self.keeper.apply(self.propose(run_id, config, **terms))

    def panel(self, known: Catalog) -> Panel:
        return Panel(known, {"sysctl": self.kernel, "sysfs": self.kernel})

    def text(self, path: str) -> str | None:
        file = self.root / path.lstrip("/")
        return file.read_text() if file.exists() else None


def occasion(run_id: str = "run-a", when: float = 1.8e9) -> Occasion:
    return Occasion(run_id, "Better: gain +30 %\n[+28 %, +32 %]", when, "6.18.1", "boot-1")


@pytest.fixture(scope="session")
def known():
    return catalog.load()


def machine_in(folder: Path, known) -> Machine:
    kernel = Kernel(Tree(folder / "kernel"))
    kernel.files.update(PRESENT)
    panel = Panel(known, {"sysctl": kernel, "sysfs": kernel})
    home = Home(folder / "state", folder / "journal", "boot-1", folder / "root")
    return Machine(kernel, home.root, Keeper(panel, home), home)


@pytest.fixture
def machine(tmp_path, known):
    return machine_in(tmp_path, known)


@pytest.fixture(scope="session")
def new_machine(tmp_path_factory, known):
    """Makes machines, one for each example of a property."""
    return lambda: machine_in(tmp_path_factory.mktemp("machine"), known)
