"""kill -9 at random moments of whole studies on this machine: a real server, its load, real knobs."""

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kerntune.app import Settings, applied_now
from kerntune.catalog import load
from kerntune.hand import recovery
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="the machine's own knobs are root's"),
]

PATIENCE_S = 60.0
KNOBS = {
    "vm.vfs_cache_pressure": "/proc/sys/vm/vfs_cache_pressure",
    "vm.dirty_expire_centisecs": "/proc/sys/vm/dirty_expire_centisecs",
    "mm.transparent_hugepage.enabled": "/sys/kernel/mm/transparent_hugepage/enabled",
}
WATCHED = {**KNOBS, "vm.min_free_kbytes": "/proc/sys/vm/min_free_kbytes"}
SCRATCH = Path("/var/tmp")  # noqa: S108 - workloads make private directories there

Crew = Mapping[str, tuple[int, ...]]
"""The processes of a study by their part in it."""

VICTIMS = ("tuner", "hand", "guardian", "warden", "gatherer", "server", "load", "all")
KILLS = int(os.environ.get("KERNTUNE_KILLS", "16")) // len(VICTIMS)  # of each


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc shows it."""

    pid: int
    parent: int
    words: str


def everything() -> Mapping[str, str]:
    """What the kernel shows of every knob that is watched."""
    return {name: Path(path).read_text() for name, path in WATCHED.items() if Path(path).exists()}


def family(root: int) -> list[Process]:
    """A process and all below it, parents before children."""
    known: dict[int, list[Process]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if state not in "ZX":
                known.setdefault(int(parent), []).append(Process(int(entry.name), int(parent), words))
    found = [Process(root, 0, "tuner")]
    for process in found:
        found += known.get(process.pid, [])
    return found


def part(process: Process, names: Mapping[int, str]) -> str:
    """What a process does in a study; `names` are the parts of those above it."""
    above = names.get(process.parent, "")
    if " -m kerntune.hand " in process.words:
        return "guardian" if above == "hand" else "hand"
    if "kerntune.targets.host.warden" in process.words:
        return "gatherer" if above == "warden" else "warden"
    if above == "gatherer":
        return "server" if "redis-server" in process.words else "load"
    return "other"


def crew(root: int) -> Crew:
    """The processes of a study that runs."""
    names = {root: "tuner"}
    for process in family(root)[1:]:
        names[process.pid] = part(process, names)
    return {name: tuple(pid for pid, its in names.items() if its == name) for name in set(names.values())}


def living(pids: list[int]) -> list[int]:
    """Those that still run."""
    left = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                left.append(pid)
    return left


def wait_until(fact: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < ends, what
        time.sleep(0.01)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A study that goes on for longer than any victim lives."""
    path = tmp_path / "plan.json"
    options = {"keys": 100, "requests": 2000}
    source = "a test"
    path.write_text(
        json.dumps(
            {
                "goal": "a campaign",
                "target": "host",
                "workload": {"name": "redis", "options": options},
                "objective": {"metric": "requests", "direction": "maximize"},
                "knobs": [{"knob": name, "reason": "to be turned", "source": source} for name in KNOBS],
                "budget": {"trials": 1000, "time_s": 600.0},
                "optimizer": "random",
            }
        )
    )
    return path


def begun(plan: Path, here: Settings, seed: int) -> subprocess.Popen[bytes]:
    """Starts a study as a user does, each with other configs."""
    told = json.loads(plan.read_text())
    plan.write_text(json.dumps({**told, "seed": seed}))
    own = {"XDG_STATE_HOME": str(here.state_dir.parent), "KERNTUNE_MACHINE_DIR": str(here.machine_dir)}
    return subprocess.Popen(
        [sys.executable, "-m", "kerntune", "run", str(plan), "--yes"],
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def killed(root: int, victim: str, chance: random.Random) -> bool:
    """Kills who is to be killed; returns whether there was one at this moment."""
    found = crew(root)
    wanted = [pid for pids in found.values() for pid in pids] if victim == "all" else found.get(victim, ())
    chosen = list(wanted) if victim == "all" else list(wanted[:1])
    chance.shuffle(chosen)
    for pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(chosen)


@pytest.mark.parametrize("victim", VICTIMS)
def test_nothing_of_a_study_is_left_whoever_is_killed(tmp_path: Path, plan: Path, victim: str):
    """Knobs as before, no server, no child, no file; the study itself goes on or ends with an error."""
    here = Settings(tmp_path / "kerntune", machine_dir=tmp_path / "machine")
    originals, files = everything(), set(SCRATCH.glob("kerntune-*"))
    chance = random.Random(victim)
    mattered = 0
    for number in range(KILLS):
        study = begun(plan, here, number)
        try:
            wait_until(lambda: everything() != originals, "no study begins")
            time.sleep(chance.uniform(0, 1.0))
            wait_until(lambda: killed(study.pid, victim, chance), "no victim")  # noqa: B023 - called at once
            pids = [process.pid for process in family(study.pid)]
            mattered += everything() != originals
            time.sleep(chance.uniform(0, 0.5))
            study.send_signal(signal.SIGTERM)
            _, complaint = study.communicate(timeout=PATIENCE_S)
        finally:
            study.kill()
            study.communicate()

        assert b"Traceback" not in complaint, complaint.decode()
        wait_until(lambda: not living(pids), f"{victim} {number}: processes are left")  # noqa: B023
        recovery.replay(here.machine_journal_dir, Panel(load(), kinds()))
        assert everything() == originals, f"{victim} {number}"
        assert applied_now(here) == ()
    print(f"{victim}: {KILLS} kills, {mattered} while knobs were turned")  # noqa: T201
    assert left_over(tmp_path) <= files


def left_over(tmp_path: Path) -> set[Path]:
    """The directories of workloads that nobody holds after the next start of a study has swept."""
    from kerntune.targets.host import open_target

    with open_target({}, journal_dir=tmp_path / "journal", catalog=load()) as target, target.applied({}):
        return {path for path in SCRATCH.glob("kerntune-*") if not is_held(path)}


def is_held(directory: Path) -> bool:
    """Tells whether a living warden holds a directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
