"""What goes wrong on a real machine in the middle of a study, really: each is told, and nothing is lost."""

import json
import os
import re
import select
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from kerntune.app import Settings, run_of, tuning
from kerntune.errors import HandError
from kerntune.hand.client import Hand
from kerntune.model.plan import Budget, Direction, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.trial import FailureKind, Trial, TrialDone
from kerntune.store import RunState

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="the machine's own knobs are root's"),
]

KNOB, FILE = "vm.vfs_cache_pressure", Path("/proc/sys/vm/vfs_cache_pressure")
PATIENCE_S = 60.0
METRIC = {"name": "speed", "unit": "1/s", "direction": "maximize"}


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state", machine_dir=tmp_path / "machine")


@pytest.fixture
def present() -> Iterator[int]:
    """The knob's value, put back by force where a test leaves another: somebody's change is to stay."""
    value = FILE.read_text()
    yield int(value)
    FILE.write_text(value)


def plan_for(command: str, *knobs: str) -> Plan:
    return Plan(
        goal="a test",
        workload=WorkloadChoice("command", {"command": command, "metrics": [METRIC]}),
        objective=Objective("speed", Direction.MAXIMIZE),
        picks=tuple(Pick(knob, "to be turned", "a test") for knob in knobs or (KNOB,)),
        budget=Budget(trials=2, time_s=60.0),
        target="host",
        optimizer="random",
        planner="test",
    )


def trials_of(plan: Plan, here: Settings) -> tuple[str, list[Trial]]:
    """Carries a plan out; its run and its trials."""
    with tuning(plan, here) as study:
        trials = [event.trial for event in study if isinstance(event, TrialDone)]
    return study.run_id, trials


def test_an_administrators_change_during_a_trial_stays_and_is_told(here: Settings, present: int):
    """Whatever the trial set, theirs is the last word; the run is not counted."""
    theirs = 77
    command = f"[ $(cat {FILE}) = {present} ] || echo {theirs} >{FILE}; echo speed: 1"

    _, trials = trials_of(plan_for(command), here)

    failures = [trial.failure for trial in trials if trial.failure]
    assert {failure.kind for failure in failures} == {FailureKind.INTERFERENCE}
    assert KNOB in failures[0].reason
    assert str(theirs) in failures[0].reason
    assert int(FILE.read_text()) == theirs


@pytest.fixture
def device() -> Iterator[str]:
    """A network device that leads nowhere, and that can be pulled."""
    name = f"kt{uuid.uuid4().hex[:8]}"
    with IPRoute() as route:
        route.link("add", ifname=name, kind="veth", peer={"ifname": f"{name}p"})
        yield name
        if route.link_lookup(ifname=name):
            route.link("del", ifname=name)


PULL = "import sys; from pyroute2 import IPRoute; r = IPRoute(); r.link('del', ifname=sys.argv[1]); r.close()"


def test_a_device_that_vanishes_ends_its_trials_and_nothing_else(here: Settings, device: str, present: int):
    """It is pulled while its knob is turned: there is nothing left to be restored, the rest goes back."""
    knob = f"net.ipv4.neigh.{device}.gc_stale_time"
    file = Path(f"/proc/sys/net/ipv4/neigh/{device}/gc_stale_time")
    pull = f'[ $(cat {file}) = {file.read_text().strip()} ] || {sys.executable} -c "{PULL}" {device}'

    run_id, trials = trials_of(plan_for(f"{pull}; echo speed: 1", knob, KNOB), here)

    failures = [trial.failure for trial in trials if trial.failure]
    assert not file.exists()
    assert len(failures) == len(trials) - 1 > 0  # all but the audit
    assert any(device in failure.reason for failure in failures), failures
    assert run_of(here, run_id).state is RunState.DONE
    assert int(FILE.read_text()) == present
    assert not [path for path in here.machine_journal_dir.iterdir() if path.is_file()]


@contextmanager
def studying(plan: Path, here: Settings) -> Iterator[subprocess.Popen[str]]:
    """A study of the command line's, ended afterwards."""
    own = {"XDG_STATE_HOME": str(here.state_dir.parent), "KERNTUNE_MACHINE_DIR": str(here.machine_dir)}
    with subprocess.Popen(
        [sys.executable, "-m", "kerntune", "run", str(plan), "--yes"],
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """The first match in what a study prints."""
    assert process.stdout is not None
    while select.select([process.stdout], [], [], PATIENCE_S)[0]:
        line = process.stdout.readline()
        if found := re.search(pattern, line):
            return found[1]
        assert line, "it ended"
    raise AssertionError(pattern)


def test_a_second_study_of_this_machine_is_refused_with_the_name_of_the_first(tmp_path: Path, here: Settings):
    """Two commands, as two people would start them."""
    plan = tmp_path / "plan.json"
    command = {"command": "sleep 0.2; echo speed: 1", "metrics": [METRIC]}
    knobs = [{"knob": KNOB, "reason": "-", "source": "-"}]
    told = {"goal": "a test", "target": "host", "workload": {"name": "command", "options": command}}
    objective = {"metric": "speed", "direction": "maximize"}
    plan.write_text(json.dumps({**told, "objective": objective, "knobs": knobs, "optimizer": "random"}))

    with studying(plan, here) as first:
        run_id = read_until(first, r"^Run +(\S+)")
        read_until(first, r"(audit)")
        with studying(plan, here) as second:
            second.wait(PATIENCE_S)
            assert second.stderr is not None
            said = second.stderr.read()
            assert second.returncode == 3

    assert f"study {run_id} is tuning this host" in said
    assert "Traceback" not in said


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """A file system of two pages, mounted where everybody sees it, and gone afterwards."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "small", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def test_without_room_for_the_old_value_no_new_one_is_written(tmp_path: Path, here: Settings, present: int):
    """The journal's disk is full: the study says so, and the knob was never turned."""
    plan = plan_for(f"v=$(cat {FILE}); [ $v = {present} ] || echo $v >>{tmp_path}/seen; echo speed: 1")
    with small_disk(here.machine_dir):
        (here.machine_dir / "filler").write_bytes(b"x" * 4096)
        with pytest.raises(HandError, match="No space left on device; nothing is changed without one"):
            trials_of(plan, here)

    assert not (tmp_path / "seen").exists()
    assert int(FILE.read_text()) == present


def queue_of_a_disk() -> Path | None:
    found = sorted(Path("/sys/block").glob("*/queue/nr_requests"))
    return next((path.parent for path in found if (path.parent.parent / "device").exists()), None)


def shown(queue: Path) -> dict[str, str]:
    """What the kernel shows of a disk's queue and its scheduler, as far as it can be written."""
    paths = [path for path in queue.rglob("*") if path.is_file() and path.stat().st_mode & 0o200]
    return {str(path): path.read_text() for path in paths if path.name != "wbt_lat_usec" or _readable(path)}


def _readable(path: Path) -> bool:
    try:
        path.read_text()
    except OSError:
        return False
    return True


@pytest.mark.skipif(queue_of_a_disk() is None, reason="no disk with a queue of requests")
def test_a_disks_queue_is_as_before_whichever_scheduler_was_tried(tmp_path: Path):
    """With the catalogue as it is shipped: a switch resets every setting of the scheduler, also odd ones."""
    queue = queue_of_a_disk()
    assert queue is not None
    disk, whole = queue.parent.name, shown(queue)
    offered = re.findall(r"[\w-]+", (queue / "scheduler").read_text())
    own = {path: path.read_text() for path in (queue / "iosched").glob("*") if path.stat().st_mode & 0o200}
    try:
        for path, text in own.items():
            if text.strip().isdigit() and int(text) > 3:
                path.write_text(str(int(text) // 2))
        before = shown(queue)
        with Hand.spawn(tmp_path / "journal") as hand:
            for scheduler in offered:
                with hand.applied({f"block.{disk}.queue.scheduler": scheduler}):
                    assert f"[{scheduler}]" in (queue / "scheduler").read_text()
                assert shown(queue) == before, scheduler
    finally:
        for path, text in own.items():
            path.write_text(text)

    assert shown(queue) == whole
