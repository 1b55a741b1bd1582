"""With the real systemd: what `kerntune setup` installs takes back, and a unit can be measured."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.slow]

FILE = Path("/proc/sys/vm/vfs_cache_pressure")
KERNTUNE = (sys.executable, "-m", "kerntune")
PATIENCE_S = 60.0
PLAN = {
    "goal": "a study that goes on",
    "target": "host",
    "workload": {
        "name": "command",
        "options": {
            "command": "sleep 0.2; echo speed: 1",
            "metrics": [{"name": "speed", "direction": "maximize"}],
        },
    },
    "objective": {"metric": "speed", "direction": "maximize"},
    "knobs": [{"knob": "vm.vfs_cache_pressure", "low": 110, "high": 190, "reason": "-", "source": "-"}],
    "budget": {"trials": 1000, "time_s": 600.0},
    "optimizer": "random",
}


@pytest.fixture
def present() -> Iterator[str]:
    """The knob's value, which must be there again afterwards."""
    value = FILE.read_text()
    yield value
    assert FILE.read_text() == value


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """What a unit prints."""
    return tmp_path / "said"


@pytest.fixture
def tuner(box, tmp_path: Path, said: Path) -> Iterator[str]:
    """A service that tunes the machine, as a night's job would."""
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    run = f"{' '.join(KERNTUNE)} run {plan} --yes"
    printed = f"StandardOutput=append:{said}\nStandardError=append:{said}\n"
    box.write("tuner.service", f"[Service]\nEnvironment=HOME=/root\nExecStart={run}\n{printed}")
    box.ask("systemctl", "daemon-reload")
    yield "tuner.service"
    box.call("systemctl", "kill", "--signal=KILL", "tuner.service")
    box.ask("rm", "-rf", "/etc/systemd/system/tuner.service", "/etc/systemd/system/tuner.service.d")


def eventually(fact: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE_S
    while not fact():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def killed_with_a_knob_turned(box, unit: str, present: str) -> None:
    """Kills every process of a unit at once, hand and guardian too, when the knob is not as it was."""
    box.ask("systemctl", "start", unit)
    assert eventually(lambda: FILE.read_text() != present), box.call("systemctl", "status", unit).stdout
    box.ask("systemctl", "kill", "--signal=KILL", unit)


def test_the_end_of_a_unit_takes_values_back(box, tuner: str, present: str, said: Path):
    """Setup writes a drop-in: also when nobody of the study is left to undo anything."""
    told = box.ask(*KERNTUNE, "setup", "--unit", tuner)
    for line in told.partition("now run:\n")[2].splitlines():
        box.ask(*line.split())
    assert box.ask("systemctl", "is-enabled", "kerntune-recover.service") == "enabled\n"

    killed_with_a_knob_turned(box, tuner, present)

    assert eventually(lambda: FILE.read_text() == present), said.read_text()
    assert eventually(lambda: "replayed: " in said.read_text()), said.read_text()
    assert "/etc/systemd/system/tuner.service.d/kerntune.conf" in box.ask(*KERNTUNE, "setup", "--remove")
    assert box.call("systemctl", "is-enabled", "kerntune-recover.service").returncode != 0


def test_the_unit_of_the_boot_takes_back_what_was_left(box, tuner: str, present: str):
    """Nothing else does, while no other study begins."""
    box.ask(*KERNTUNE, "setup")
    box.ask("systemctl", "daemon-reload")
    killed_with_a_knob_turned(box, tuner, present)
    time.sleep(0.5)
    assert FILE.read_text() != present

    box.ask("systemctl", "start", "kerntune-recover.service")

    assert FILE.read_text() == present


def test_a_unit_is_measured_and_known_by_its_start(box):
    """Restarted before each run where it is to be; a start in the middle of a run spoils it."""
    box.write("shop.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    box.ask("systemctl", "daemon-reload")
    box.ask("systemctl", "start", "shop.service")
    metrics = '[{"name": "speed", "direction": "maximize"}]'
    measured = (
        *KERNTUNE,
        "workloads",
        "try",
        "service",
        "--runs",
        "2",
        "-o",
        "unit=shop.service",
        "-o",
        f"metrics={metrics}",
    )

    steady = box.call(*measured, "-o", "command=echo speed: 1")
    restarted = box.call(
        *measured, "-o", "command=echo speed: 1", "-o", 'restart=["systemctl", "restart", "shop.service"]'
    )
    spoilt = box.call(*measured, "-o", "command=systemctl restart shop.service; echo speed: 1")
    box.ask("systemctl", "stop", "shop.service")
    stopped = box.call(*measured, "-o", "command=echo speed: 1")

    assert (steady.returncode, restarted.returncode) == (0, 0), steady.stderr + restarted.stderr
    assert "started anew during the run" in spoilt.stderr
    assert "not active" in stopped.stderr
    assert {spoilt.returncode, stopped.returncode} == {4}
