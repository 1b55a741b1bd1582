"""Configs of reinforcement-learning tuners through the functions their programs call, on a real kernel."""

import json
from pathlib import Path
from typing import Any

import pytest

import kerntune
from kerntune.app import Settings, Wishes
from kerntune.errors import PlanError

KNOB = "net.core.somaxconn"
FILE = Path("/proc/sys") / KNOB.replace(".", "/")
CONFIG: dict[str, Any] = {
    "workload_name": "my-workload",
    "reward_metric": "operations_per_second",
    "benchmark_command": f"echo operations_per_second: $(cat {FILE})",
    "action_space": [
        {"param": KNOB, "min": 128, "max": 65535, "type": "int", "description": "queue of listeners"}
    ],
    "state_space": ["cpu_usage", {"metric": "memory_used_percent", "description": "memory"}],
    "training_config": {
        "total_timesteps": 3,
        "n_steps": 64,
        "batch_size": 32,
        "n_epochs": 5,
        "learning_rate": 0.001,
        "gamma": 0.95,
        "benchmark_timeout": 15,
        "max_steps_per_episode": 10,
        "verbose": False,
    },
}
KEYS = "success workload_name best_config best_reward baseline_reward improvement total_episodes notes"


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state", tmp_path / "machine")


def test_a_config_is_carried_out_and_undone(here: Settings):
    """The result has the promised keys; best_reward is the metric itself; the machine is as before."""
    before = FILE.read_text()
    result = kerntune.optimize_os_parameters(
        CONFIG,
        wishes=Wishes(target="netns", optimizer="random"),
        here=here,
        show_dashboard=True,
        web_port=5001,
    )

    assert set(KEYS.split()) <= result.keys()
    assert result["success"] is True
    assert result["workload_name"] == "my-workload"
    assert result["best_reward"] >= result["baseline_reward"] == int(before)
    assert float(result["improvement"]) >= 0
    assert any("no dashboard yet" in note and "5001" in note for note in result["notes"])
    assert any("1024 to 65535 instead of 128" in note for note in result["notes"])
    assert FILE.read_text() == before


def test_where_nothing_is_better_the_improvement_is_none_at_all(here: Settings):
    """Callers print the numbers: they are there, and say that nothing is recommended."""
    config = {**CONFIG, "benchmark_command": "echo operations_per_second: 1000"}
    result = kerntune.optimize_os_parameters(
        config, wishes=Wishes(target="netns", optimizer="random", trials=1), here=here
    )

    assert result["success"] is True
    assert (result["best_config"], result["improvement"], result["best_reward"]) == ({}, 0.0, 1000.0)


def test_a_dry_run_writes_nothing_and_runs_nothing(here: Settings, tmp_path: Path):
    """It says which knobs would be tried, from which present values, in which range."""
    config = {**CONFIG, "benchmark_command": f"touch {tmp_path}/ran; echo operations_per_second: 1"}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))

    result = kerntune.run_rl_optimization(path, dry_run=True, wishes=Wishes(target="netns"), here=here)

    assert result["success"] is True
    assert result["dry_run"] is True
    assert result["workload_name"] == "my-workload"
    assert [knob["knob"] for knob in result["knobs"]] == [KNOB]
    assert result["knobs"][0]["present"] == int(FILE.read_text())
    assert result["written"] == []
    assert not (tmp_path / "ran").exists()
    assert not here.store_path.exists()


def test_faults_of_a_config_are_errors_in_its_own_words(here: Settings, tmp_path: Path):
    """All at once, also of what is no JSON at all; a vanished knob is explained, and can be skipped."""
    gone = {"param": "kernel.sched_latency_ns", "min": 1, "max": 2}
    broken = {**CONFIG, "action_space": [gone, *CONFIG["action_space"]], "state_space": ["cpu_usag"]}
    with pytest.raises(PlanError, match=r"instead: .*base_slice_ns") as caught:
        kerntune.optimize_os_parameters(broken, here=here)
    assert {fault.field for fault in caught.value.faults} == {"action_space[0].param", "state_space[0]"}
    with pytest.raises(PlanError, match="holds no JSON"):
        kerntune.optimize_os_parameters({**CONFIG, "command": object()}, here=here)
    with pytest.raises(PlanError, match="cannot be read"):
        kerntune.run_rl_optimization(tmp_path / "none.json", here=here)

    skipped = kerntune.optimize_os_parameters(
        {**broken, "state_space": []},
        dry_run=True, skip_missing=True, wishes=Wishes(target="netns"), here=here,
    )  # fmt: skip
    assert any("kernel.sched_latency_ns" in note for note in skipped["notes"])
