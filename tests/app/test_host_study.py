"""Whole studies on this machine, shortened: real programs, real knobs, and everything back afterwards."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import kerntune
from kerntune.app import Settings, Wishes, applied_now, make_plan, run_of, tuning
from kerntune.model.plan import Budget, Plan, WorkloadChoice
from kerntune.model.trial import Ending
from kerntune.store import Run, RunState

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="the machine's own knobs are root's"),
]

WATCHED = (
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/mm/transparent_hugepage/defrag",
    "/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
    "/proc/sys/vm/min_free_kbytes",
    "/proc/sys/vm/compaction_proactiveness",
    "/proc/sys/vm/dirty_ratio",
    "/proc/sys/vm/dirty_bytes",
    "/proc/sys/vm/dirty_background_ratio",
    "/proc/sys/vm/dirty_background_bytes",
    "/proc/sys/vm/dirty_expire_centisecs",
    "/proc/sys/vm/vfs_cache_pressure",
    "/proc/sys/kernel/sched_autogroup_enabled",
)
SCRATCH = Path("/var/tmp")  # noqa: S108 - workloads make private directories there


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Settings]:
    """A state of our own; afterwards every knob is as it was, and nothing is left of any study."""
    before = {path: Path(path).read_text() for path in WATCHED if Path(path).exists()}
    disks = {path: path.read_text() for path in Path("/sys/block").glob("*/queue/[nrs]*") if _readable(path)}
    scratch = set(SCRATCH.glob("kerntune-*"))

    yield Settings(tmp_path / "state", machine_dir=tmp_path / "machine")

    assert {path: Path(path).read_text() for path in before} == before
    assert {path: path.read_text() for path in disks} == disks
    assert set(SCRATCH.glob("kerntune-*")) <= scratch
    assert applied_now(Settings(tmp_path / "state", machine_dir=tmp_path / "machine")) == ()


def _readable(path: Path) -> bool:
    try:
        path.read_text()
    except OSError:
        return False
    return path.is_file()


def shortened(plan: Plan, **options: object) -> Plan:
    """The plan with less work: one config of the search, runs of a moment."""
    workload = WorkloadChoice(plan.workload.name, {**plan.workload.options, **options})
    return replace(plan, workload=workload, budget=Budget(trials=1, time_s=90.0), target="host")


def carried_out(plan: Plan, here: Settings) -> Run:
    """The stored run of a whole study that measured something, whatever it found."""
    with tuning(plan, here) as study:
        assert study.outlook.is_felt
        for _ in study:
            pass
    run = run_of(here, study.run_id)
    assert run.state is RunState.DONE, run.reason
    assert run.result is not None
    assert run.result.ending is not Ending.FAILURES
    return run


def test_huge_pages_are_tried_on_a_table_in_memory(here: Settings):
    """From the sentence to a verdict, whatever it is: a test machine is no place for a claim."""
    plan = make_plan("random reads over a big in-memory table", Wishes(target="host"))
    assert plan.workload.name == "memory"

    run = carried_out(shortened(plan, table_mib=64, duration_s=0.2), here)

    assert run.result.baseline is not None
    assert run.result.baseline > 1000  # accesses a second, of a real table
    assert "mm.transparent_hugepage.enabled" in run.setup.present


def test_a_sentence_about_networks_can_be_tuned_here_as_well(here: Settings):
    """The sandbox's own options go with the sandbox; the hosts are one, which reaches itself."""
    plan = make_plan("many short connections", Wishes(target="host"))
    assert plan.target_options == {}

    run = carried_out(replace(shortened(plan, duration_s=0.3), picks=plan.picks[:1]), here)

    assert run.result.baseline is not None
    assert run.result.baseline > 1  # connections a second


def test_postgresql_goes_from_nothing_to_a_verdict(here: Settings):
    """Its own cluster is made, started for every run, and gone afterwards."""
    plan = make_plan("optimize this system for a PostgreSQL database", Wishes(target="host"))
    assert plan.workload.name == "pgbench"

    run = carried_out(shortened(plan, scale=1, clients=2, duration_s=1.0), here)

    assert run.result.baseline is not None
    assert run.result.baseline > 1  # transactions a second
    left = subprocess.run(["pgrep", "-f", "/kerntune-.*pgbench"], capture_output=True, check=False)
    assert left.stdout == b""


def test_a_config_of_a_reinforcement_learning_tuner_runs_with_ppo(here: Settings):
    """Through the function such programs call; the benchmark reads the knob, so every value was real."""
    config = {
        "workload_name": "echo",
        "reward_metric": "operations_per_second",
        "benchmark_command": "echo operations_per_second: $(cat /proc/sys/vm/vfs_cache_pressure)",
        "action_space": [{"param": "vm.vfs_cache_pressure", "min": 50, "max": 200, "type": "int"}],
        "state_space": ["cpu_usage", {"metric": "io_wait", "description": "waiting for I/O"}],
        "training_config": {
            "total_timesteps": 4,
            "n_steps": 64,
            "learning_rate": 0.001,
            "benchmark_timeout": 15,
        },
    }

    found = kerntune.optimize_os_parameters(config, here=here)

    assert found["success"]
    assert found["workload_name"] == "echo"
    assert found["target"] == "host"
    assert found["verdict"]["outcome"] == "better"
    assert found["best_config"]["vm.vfs_cache_pressure"] > 100
    assert found["best_reward"] == found["best_config"]["vm.vfs_cache_pressure"]
    assert found["total_episodes"] >= 4


def test_a_dry_run_writes_nothing_and_starts_nothing(here: Settings):
    """It needs no hand, so it leaves not even a directory for journals."""
    config = {
        "workload_name": "echo",
        "reward_metric": "operations_per_second",
        "benchmark_command": "false",
        "action_space": [{"param": "vm.vfs_cache_pressure", "min": 50, "max": 200, "type": "int"}],
    }

    found = kerntune.optimize_os_parameters(config, dry_run=True, here=here)

    assert found["written"] == []
    assert found["knobs"][0]["knob"] == "vm.vfs_cache_pressure"
    assert not here.machine_dir.exists()
