"""A throw-away network namespace, a small catalogue, and hands started inside the one with the other."""

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kerntune.catalog import Catalog, Danger
from kerntune.hand.client import Hand
from kerntune.hand.identity import enter
from kerntune.hand.panel import Panel
from kerntune.hand.processes import forked
from kerntune.hand.program import Terms, serve
from kerntune.model.knob import Choice, Constraint, Domain, Knob, Range, Risk, Rollback, Scope

CLONE_NEWUSER, CLONE_NEWNET, PR_SET_DUMPABLE = 0x10000000, 0x40000000, 4
WMEM = "net.ipv4.tcp_wmem"
PORTS = "net.ipv4.ip_local_port_range"
FRAGMENTS = ("net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_high_thresh")


def knob(name: str, domain: Domain, members: tuple[str, ...] = (), member: int = 0) -> Knob:
    path = "/proc/sys/" + name.partition(":")[0].replace(".", "/")
    facts = {"meaning": "-", "source": "-", "subsystem": "net"}
    scope = Scope.DEVICE if "{device}" in name else Scope.NETNS
    return Knob(
        name, "sysctl", path, domain, scope, Risk.R1, Rollback.EXACT, members=members, member=member, **facts
    )


def vector(name: str, domain: Domain, members: tuple[str, ...]) -> list[Knob]:
    return [knob(f"{name}:{member}", domain, members, index) for index, member in enumerate(members)]


def small_catalog() -> Catalog:
    knobs = [
        *vector(WMEM, Range(1, 1 << 28), ("min", "default", "max")),
        *vector(PORTS, Range(0, 99999), ("low", "high")),
        *(knob(name, Range(0, 1 << 28)) for name in FRAGMENTS),
        knob("net.ipv4.ip_default_ttl", Range(1, 999)),  # the kernel refuses more than 255
        knob("net.ipv4.tcp_fin_timeout", Range(1, 120)),
        knob("net.ipv4.tcp_max_tw_buckets", Range(1, 1 << 20, special=(0,), never_below_default=True)),
        knob("net.ipv4.tcp_congestion_control", Choice(("reno", "cubic", "bbr", "no_such"))),
        knob("net.ipv4.no_such_knob", Range(0, 9)),
        replace(knob("net.ipv4.neigh.{device}.retrans_time_ms", Range(1, 99999)), rollback=Rollback.ROUNDED),
    ]
    references = [replace(knob("net.ipv4.tcp_available_congestion_control", Choice(())), read_only=True)]
    constraints = (
        Constraint("order", FRAGMENTS, "the kernel refuses them the wrong way round"),
        Constraint("order", tuple(f"{WMEM}:{member}" for member in ("min", "default", "max")), "they ascend"),
    )
    danger = Danger(
        "net.ipv4.tcp_syncookies", "/proc/sys/net/ipv4/tcp_syncookies", "never", (), "it is a shield"
    )
    return Catalog(
        knobs={found.name: found for found in knobs},
        references={found.name: found for found in references},
        constraints=constraints,
        dangers=(danger,),
    )


@pytest.fixture
def catalog() -> Catalog:
    return small_catalog()


@dataclass
class Memory:
    """A kernel of words in memory. `makes` says what it makes of a write; None is a refusal."""

    files: dict[str, tuple[str, ...]]
    makes: Callable[[str, tuple[str, ...]], tuple[str, ...] | None] = lambda name, words: words
    writes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def read(self, knob: Knob) -> tuple[str, ...]:
        if knob.file not in self.files:
            raise FileNotFoundError(2, "No such file or directory")
        return self.files[knob.file]

    def write(self, knob: Knob, words: tuple[str, ...]) -> None:
        self.writes.append((knob.file, words))
        made = self.makes(knob.file, words)
        if made is None:
            raise OSError(22, "Invalid argument")
        self.files[knob.file] = made

    def check_writable(self, knob: Knob) -> None:
        self.read(knob)


@pytest.fixture
def memory() -> Memory:
    return Memory(
        {
            WMEM: ("4096", "16384", "4194304"),
            PORTS: ("32768", "60999"),
            FRAGMENTS[0]: ("3145728",),
            FRAGMENTS[1]: ("4194304",),
            "net.ipv4.ip_default_ttl": ("64",),
            "net.ipv4.tcp_fin_timeout": ("60",),
            "net.ipv4.tcp_max_tw_buckets": ("4096",),
            "net.ipv4.tcp_congestion_control": ("cubic",),
        }
    )


@pytest.fixture
def panel(catalog: Catalog, memory: Memory) -> Panel:
    return Panel(catalog, {"sysctl": memory})


class Place:
    """A network namespace kept alive by a process that also plays the other administrator in it."""

    def __init__(self, pid: int, ask: int, answer: int) -> None:
        self.pid = pid
        self.link = Path(f"/proc/{pid}/ns/net")
        self._ask, self._answer = ask, answer

    def read(self, name: str) -> str:
        return self._do(f"read {name}")

    def write(self, name: str, text: object) -> None:
        self._do(f"write {name} {text}")

    def everything(self) -> dict[str, str]:
        names = [WMEM, PORTS, *FRAGMENTS, "net.ipv4.ip_default_ttl", "net.ipv4.tcp_fin_timeout"]
        return {name: self.read(name) for name in names}

    def close(self) -> None:
        os.close(self._ask)
        os.close(self._answer)
        os.waitpid(self.pid, 0)

    def _do(self, line: str) -> str:
        os.write(self._ask, line.encode())
        return os.read(self._answer, 4096).decode()


def live(ask: int, answer: int) -> int:
    """Makes the namespace and serves reads and writes in it until the pipe ends."""
    uid, gid = os.geteuid(), os.getegid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        os.write(answer, f"no {os.strerror(ctypes.get_errno())}".encode())
        return 1
    library.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    os.write(answer, b"yes")
    while line := os.read(ask, 4096).decode():
        what, name, *words = line.split(" ")
        path = Path("/proc/sys") / name.replace(".", "/")
        if what == "write":
            path.write_text(" ".join(words))
        os.write(answer, " ".join(path.read_text().split()).encode())
    return 0


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    ask_out, ask_in = os.pipe()
    answer_out, answer_in = os.pipe()

    def act() -> int:
        os.close(ask_in)
        os.close(answer_out)
        return live(ask_out, answer_in)

    pid = forked(act)
    os.close(ask_out)
    os.close(answer_in)
    word = os.read(answer_out, 100).decode()
    if word != "yes":
        os.waitpid(pid, 0)
        pytest.skip(f"no user and network namespaces here: {word}")
    found = Place(pid, ask_in, answer_out)
    yield found
    found.close()


@dataclass
class Running:
    """A hand in a forked child, and the client that speaks to it."""

    hand: Hand
    pid: int
    journal: Path

    def end(self) -> None:
        self.hand.close()
        os.waitpid(self.pid, 0)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


Start = Callable[..., Running]


def started(
    place: Place, journal: Path, terms: Terms | None = None, catalog: Catalog | None = None
) -> Running:
    """Forks a hand that enters the namespace and serves there."""
    request_out, request_in = os.pipe()
    reply_out, reply_in = os.pipe()

    def act() -> int:
        enter(place.link)
        return serve(request_out, reply_in, journal, catalog or small_catalog(), terms)

    pid = forked(act)
    os.close(request_out)
    os.close(reply_in)
    return Running(Hand(reply_out, request_in), pid, journal)


@pytest.fixture
def start(place: Place, tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def begin(terms: Terms | None = None, catalog: Catalog | None = None) -> Running:
        running.append(started(place, tmp_path / "journal", terms, catalog))
        return running[-1]

    yield begin
    for each in running:
        each.end()
