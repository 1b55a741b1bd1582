"""The environment on a real kernel: sandboxes side by side, and nothing left when nobody closes it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerntune.app import Settings
from kerntune.app.environment import opened_rig
from kerntune.model.plan import Direction, Objective, Pick, Plan, WorkloadChoice

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra rl)")

from kerntune.env import OSTuningEnv, Terms  # noqa: E402 - needs gymnasium

KNOB = "net.core.somaxconn"
FILE = Path("/proc/sys") / KNOB.replace(".", "/")
METRIC = {"name": "speed", "unit": "1/s", "direction": "maximize"}
PLAN = Plan(
    goal="a test",
    workload=WorkloadChoice("command", {"command": f"echo speed: $(cat {FILE})", "metrics": [METRIC]}),
    objective=Objective("speed", Direction.MAXIMIZE),
    picks=(Pick(KNOB, "", ""), Pick("net.ipv4.tcp_tw_reuse", "", "")),
    target_options={"emulator": "none"},
)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state", tmp_path / "machine")


def test_a_step_sets_real_knobs_and_undoes_them(here: Settings):
    """The workload read the value that the action means; afterwards the machine is as before."""
    before = FILE.read_text()
    env = OSTuningEnv(opened_rig(PLAN, here), terms=Terms(pairs=1))
    env.reset(seed=1)
    _, reward, _, _, info = env.step(np.ones(2, np.float32))
    env.close()

    assert info["config"][KNOB] == 65535
    assert info["verdict"]["gain"] == pytest.approx(65535 / int(before) - 1)
    assert reward == pytest.approx(0.5 * np.log(65535 / int(before)))
    assert 0 <= info["state"]["cpu_usage"] <= 100
    assert FILE.read_text() == before
    assert not [path for path in here.journal_dir.rglob("*") if path.is_file()]


def test_sandboxes_work_side_by_side(here: Settings):
    """Two environments of one process, each with hosts of its own: their knobs do not meet."""

    def made() -> OSTuningEnv:
        return OSTuningEnv(opened_rig(PLAN, here), terms=Terms(pairs=1))

    vector = gymnasium.vector.SyncVectorEnv([made, made])
    vector.reset(seed=1)
    _, rewards, *_, info = vector.step(np.array([[1.0, 0.0], [0.5, 0.0]], np.float32))
    vector.close()

    first, second = info["config"][KNOB]
    assert first == 65535 > second
    assert rewards[0] > rewards[1] > 0


SCRIPT = """
import sys
from pathlib import Path
from kerntune.app import Settings, plan_from
from kerntune.app.environment import opened_rig
from kerntune.env import OSTuningEnv
plan, _ = plan_from(Path(sys.argv[1]))
env = OSTuningEnv(opened_rig(plan, Settings(Path(sys.argv[2]))))
env.reset()
env.step(env.action_space.sample())
"""


def test_a_program_that_forgets_to_close_leaves_nothing(here: Settings, tmp_path: Path):
    """It ends while the sandbox is open: no process of it survives, no journal is left."""
    from kerntune.app import plan_text

    path = tmp_path / "plan.json"
    path.write_text(plan_text(PLAN))
    argv = [sys.executable, "-c", SCRIPT, str(path), str(here.state_dir)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 0, ended.stderr
    assert not [found for found in here.journal_dir.rglob("*") if found.is_file()]
    lines = [stat.read_bytes() for stat in Path("/proc").glob("[0-9]*/cmdline") if stat.exists()]
    assert not [line for line in lines if str(here.state_dir).encode() in line]
