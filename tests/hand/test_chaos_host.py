"""kill -9 at random moments while knobs of this very machine are turned: memory, disk, huge pages."""

import itertools
import json
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kerntune.catalog import Catalog
from kerntune.errors import HandError
from kerntune.hand import recovery
from kerntune.hand.client import Hand
from kerntune.hand.identity import is_confined, start_of
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.hand.processes import forked
from kerntune.hand.program import Terms, serve
from kerntune.model.knob import Choice, Constraint, Domain, Knob, Range, Risk, Rollback, Scope

PATIENCE_S = 20.0  # a switch of the elevator waits for the disk, and the disk may be busy
VICTIMS = ("tuner", "hand", "guardian", "guardian, then hand", "all")
KILLS = int(os.environ.get("KERNTUNE_KILLS", "60")) // len(VICTIMS)  # of each
MOST = 10  # times as many, until one kill of all came at a moment when it mattered
RATIO, BYTES = "vm.dirty_ratio", "vm.dirty_bytes"
BACKGROUND_RATIO, BACKGROUND_BYTES = "vm.dirty_background_ratio", "vm.dirty_background_bytes"
NUMBERS = {
    "vm.swappiness": (1, 99),
    "vm.vfs_cache_pressure": (50, 200),
    RATIO: (15, 40),
    BACKGROUND_RATIO: (5, 12),
    BYTES: (1 << 28, 1 << 30),
    BACKGROUND_BYTES: (1 << 26, 1 << 27),
}
THP, RESERVE = "mm.transparent_hugepage.enabled", "vm.min_free_kbytes"
SLEEP = "mm.ksm.sleep_millisecs"
RESTING = Path("/sys/kernel/mm")

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or is_confined(), reason="turns this machine's own knobs"),
]


def knob(name: str, path: str, domain: Domain, *, may_block: bool = False) -> Knob:
    facts = {"meaning": "-", "source": "-", "subsystem": "-"}
    kind = "sysfs" if path.startswith("/sys") else "sysctl"
    return Knob(name, kind, path, domain, Scope.GLOBAL, Risk.R1, Rollback.EXACT, may_block=may_block, **facts)


def disk_knobs(disk):
    """Returns the knobs of a disk's queue and its present elevator, and the rule of what a switch resets."""
    queue = Path(f"/sys/block/{disk}/queue")
    offered = (queue / "scheduler").read_text().replace("[", "").replace("]", "").split()
    words = Choice(tuple(word for word in offered if word in ("none", "mq-deadline")))
    own = [f"iosched/{path.name}" for path in (queue / "iosched").glob("*") if path.stat().st_mode & 0o200]
    names = ["read_ahead_kb", "nr_requests", *own]
    found = [knob(f"block.{disk}.{name}", f"{queue}/{name}", Range(0, 1 << 30)) for name in names]
    scheduler = knob(f"block.{disk}.scheduler", f"{queue}/scheduler", words, may_block=True)
    children = tuple(f"block.{disk}.{name}" for name in names[1:])
    return [scheduler, *found], Constraint("disturbs", (scheduler.name, *children), "it begins anew")


@pytest.fixture(scope="module")
def catalog():
    knobs = [
        knob(name, "/proc/sys/" + name.replace(".", "/"), Range(0, 1 << 40)) for name in (*NUMBERS, RESERVE)
    ]
    constraints = [
        Constraint("exclusive", (RATIO, BYTES), "one zeroes the other"),
        Constraint("exclusive", (BACKGROUND_RATIO, BACKGROUND_BYTES), "one zeroes the other"),
        Constraint("disturbs", (THP, RESERVE), "huge pages want a reserve"),
    ]
    thp = RESTING / "transparent_hugepage/enabled"
    if thp.exists():
        knobs.append(knob(THP, str(thp), Choice(("always", "madvise"))))
    if (RESTING / "ksm/sleep_millisecs").exists():
        knobs.append(knob(SLEEP, str(RESTING / "ksm/sleep_millisecs"), Range(1, 9999)))
    disk = next(
        (
            path.parts[3]
            for path in sorted(Path("/sys/block").glob("*/queue/nr_requests"))
            if (path.parent.parent / "device").exists()
        ),
        None,
    )
    if disk:
        found, rule = disk_knobs(disk)
        knobs += found
        constraints.append(rule)
    return Catalog({each.name: each for each in knobs}, {}, tuple(constraints))


@dataclass(frozen=True)
class Trio:
    """A tuner that applies and undoes without pause, its hand, and its hand's guardian."""

    tuner: int
    hand: int
    guardian: int
    journal: Path
    news: int


def everything(catalog):
    """Returns what the kernel shows of every knob of the catalogue."""
    found = {}
    for each in catalog.knobs.values():
        with suppress(OSError):
            found[each.name] = Path(each.path).read_text().strip()
    return found


def drawn(catalog, chance):
    """Returns a random config: either of each pair, an elevator now and then, and some of the rest."""
    ends = [RATIO, BACKGROUND_RATIO] if chance.random() < 0.3 else [BYTES, BACKGROUND_BYTES]
    config = {name: chance.randrange(*NUMBERS[name]) for name in ("vm.swappiness", "vm.vfs_cache_pressure")}
    config |= {name: chance.randrange(*NUMBERS[name]) for name in ends}
    for name, each in catalog.knobs.items():
        if isinstance(each.domain, Choice) and chance.random() < 0.3:
            config[name] = chance.choice(each.domain.values)
    for name, values in ((SLEEP, (20, 99)), *((n, (64, 4096)) for n in catalog.knobs if "read_ahead" in n)):
        if name in catalog.knobs:
            config[name] = chance.randrange(*values) & ~3
    return dict(chance.sample(sorted(config.items()), chance.randrange(1, 1 + len(config))))


def begin(journal, catalog, seed):
    """Forks a tuner, which forks its hand."""
    told, news = os.pipe()

    def tuner():
        os.close(told)
        request_out, request_in = os.pipe()
        reply_out, reply_in = os.pipe()
        pid = forked(lambda: serve(request_out, reply_in, journal, catalog, Terms(sole=f"chaos {seed}")))
        os.close(request_out)
        os.close(reply_in)
        hand = Hand(reply_out, request_in)
        os.write(news, json.dumps([pid, hand.hello()["guardian"]]).encode() + b"\n")
        chance = random.Random(seed)
        with suppress(HandError):
            while True:
                with hand.applied(drawn(catalog, chance)):
                    hand.status()
        return 0

    pid = forked(tuner)
    os.close(news)
    hand, guardian = json.loads(os.read(told, 4096))
    return Trio(pid, hand, guardian, journal, told)


def kill(*pids):
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(fact):
    ends = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < ends, "not within its time"
        time.sleep(0.002)


@pytest.mark.parametrize("victim", VICTIMS)
def test_this_machine_is_as_before_whoever_is_killed(tmp_path, catalog, victim):
    """Exclusive pairs, an elevator and what it resets included; when all died, at the next start."""
    originals = everything(catalog)
    chance = random.Random(victim)
    journal, found_changed = tmp_path / "journal", 0
    for number in itertools.count():
        if number >= KILLS and (victim != "all" or found_changed or number >= MOST * KILLS):
            break
        trio = begin(journal, catalog, number)
        time.sleep(chance.uniform(0, 0.15))
        if victim == "tuner":
            kill(trio.tuner)
        elif victim == "hand":
            kill(trio.hand)
        elif victim.startswith("guardian"):
            kill(trio.guardian)
            time.sleep(chance.uniform(0, 0.02))
            kill(trio.hand if "hand" in victim else trio.tuner)
        else:
            everybody = [trio.tuner, trio.hand, trio.guardian]
            chance.shuffle(everybody)
            kill(*everybody)
            wait_until(lambda: not any(start_of(pid) for pid in everybody))  # noqa: B023 - called at once
            found_changed += everything(catalog) != originals
        wait_until(lambda: recovered(journal, catalog))
        assert everything(catalog) == originals, f"victim {victim}, kill {number}"
        os.close(trio.news)
        os.waitpid(trio.tuner, 0)
    print(f"{victim}: {number} kills, {found_changed} found changed when all were dead")  # noqa: T201
    assert victim != "all" or found_changed, "no kill came at a moment when it mattered"


def recovered(journal, catalog):
    """Replays what nobody else will, and returns whether nothing is left to be undone."""
    found = recovery.replay(journal, Panel(catalog, kinds()))
    assert not [item for item in found if item.state in ("stuck", "unreadable", "foreign")], found
    return not list(journal.iterdir())
