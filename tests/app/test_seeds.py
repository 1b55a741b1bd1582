"""Configs of reinforcement-learning tuners through the functions their programs call, on a real kernel."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kerntune
from kerntune.app import Settings, Wishes, make_plan, result_data, runs
from kerntune.app.planning import Benchmark
from kerntune.errors import InputError, PlanError

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
NETNS = {**CONFIG, "target": "netns", "optimizer": "random"}
GOAL = "many short connections"


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
    (stored,) = runs(here)
    assert {**result, "notes": []} == {**result_data(stored), "notes": []}  # what the command line prints


def test_a_study_that_cannot_answer_is_no_success(here: Settings, tmp_path: Path):
    """A benchmark that breaks when its winner is to be confirmed: the improvement is None, not 0."""
    runs_before = 1 + 2 * 3 + 2 * 2  # a warm-up, the audit's pairs, those of one trial
    count = f"echo >> {tmp_path}/runs; [ $(wc -l < {tmp_path}/runs) -le {runs_before} ]"
    config = {**NETNS, "benchmark_command": f"{count} && {CONFIG['benchmark_command']}"}
    result = kerntune.optimize_os_parameters(config, wishes=Wishes(trials=1), here=here)

    assert result["verdict"]["reason"].startswith("the confirmation failed")
    assert result["ending"] == "done"
    assert result["success"] is False
    assert result["improvement"] is None


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
    assert set(KEYS.split()) <= result.keys()
    assert (result["best_config"], result["improvement"], result["total_episodes"]) == ({}, 0.0, 0)
    assert result["best_reward"] is result["baseline_reward"] is None
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


def test_the_target_of_a_config_is_where_it_goes(here: Settings):
    """It says netns: no wish is needed to keep it off the host."""
    result = kerntune.optimize_os_parameters(NETNS, dry_run=True, here=here)

    assert result["target"] == "netns"
    with pytest.raises(PlanError, match=r"dry_run: .*dry_run=True"):
        kerntune.optimize_os_parameters({**NETNS, "dry_run": True}, here=here)


@pytest.mark.parametrize(("steps", "n_steps"), [(200, 64), (10_000, 2048), (10_000.0, 2048)])
def test_rollouts_that_cannot_learn_are_told(here: Settings, steps: float, n_steps: int):
    """The settings of the format's own examples: the budget holds fewer trials than one rollout."""
    training = {"total_timesteps": steps, "n_steps": n_steps, "learning_rate": 0.001}
    config = {**CONFIG, "target": "netns", "training_config": training}
    result = kerntune.optimize_os_parameters(config, dry_run=True, here=here)

    assert any(f"n_steps {n_steps} needs more than the" in note for note in result["notes"])


def test_the_dashboard_of_a_file_is_asked_for_with_the_same_words(here: Settings, tmp_path: Path):
    """Both functions take the same arguments."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(NETNS))
    result = kerntune.run_rl_optimization(
        config_path=str(path), dry_run=True, show_dashboard=True, web_host="::1", web_port=5001, here=here
    )

    assert any("no dashboard yet" in note and "::1:5001" in note for note in result["notes"])


@pytest.mark.parametrize("config", [None, 5, [], b"x", True, 1.5, "", " ", json.dumps(CONFIG), "[]"])
def test_what_is_no_config_is_an_input_error(here: Settings, config: Any):
    """With a hint; never a TypeError, never the directory one stands in."""
    for function in (kerntune.optimize_os_parameters, kerntune.run_rl_optimization):
        with pytest.raises(InputError) as caught:
            function(config, here=here)
        assert caught.value.hint


def test_a_file_is_not_taken_for_a_config(here: Settings):
    """The mapping belongs to the other function."""
    with pytest.raises(InputError, match="path of a config is text, not dict"):
        kerntune.run_rl_optimization(CONFIG, here=here)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        (Wishes(seed=-1), "seed"),
        (Wishes(seed=2**32), "seed"),
        (Wishes(seed="x"), "seed"),  # type: ignore[arg-type]
        (Wishes(trials=-1), "budget.trials"),
        (Wishes(trials=0), "budget.trials"),
        (Wishes(trials="5"), "budget.trials"),  # type: ignore[arg-type]
        (Wishes(time_s=-1), "budget.time_s"),
        (Wishes(time_s=float("inf")), "budget.time_s"),
        (Wishes(time_s=float("nan")), "budget.time_s"),
        (Wishes(optimizer="nope"), "optimizer"),
        (Wishes(target="mars"), "target"),
        (Wishes(policy=Path("/nope")), "optimizer_options"),
        (Wishes(benchmark=Benchmark("true", "speed", "tarot")), "workload.options.reader"),
    ],
)
def test_a_wish_that_cannot_be_had_is_a_fault(here: Settings, wishes: Wishes, field: str):
    """Whichever function it is wished of, and all of them at once."""
    with pytest.raises(PlanError) as caught:
        make_plan(GOAL, wishes)
    assert field in {fault.field for fault in caught.value.faults}
    with pytest.raises(PlanError) as caught:
        kerntune.optimize_os_parameters(NETNS, wishes=wishes, dry_run=True, here=here)
    assert field in {fault.field for fault in caught.value.faults}


def test_all_faults_of_wishes_are_told_at_once():
    """Not the first one only."""
    with pytest.raises(PlanError) as caught:
        make_plan(GOAL, Wishes(seed=-1, trials=-1, time_s=float("inf"), target="mars"))

    assert {fault.field for fault in caught.value.faults} == {
        "seed", "budget.trials", "budget.time_s", "target",
    }  # fmt: skip


def test_every_wish_is_honoured_by_the_functions(here: Settings, tmp_path: Path):
    """Benchmark and starts as well as target and optimizer."""
    start = tmp_path / "start.conf"
    start.write_text(f"{KNOB} = 8192\n")
    wishes = Wishes(benchmark=Benchmark("echo speed: 1", "speed"), starts=(start,), trials=7)
    config = {**NETNS, "action_space": [{"param": KNOB, "max": 5000}]}
    result = kerntune.optimize_os_parameters(config, wishes=wishes, dry_run=True, here=here)
    assert result["objective"]["metric"] == "speed"
    assert result["starts"] == [{KNOB: 8192}]
    assert result["knobs"][0]["to_be_tried"].endswith(" to 8192")

    with pytest.raises(InputError, match="command of the benchmark is empty"):
        kerntune.optimize_os_parameters(NETNS, wishes=Wishes(benchmark=Benchmark(" ", "speed")), here=here)
    with pytest.raises(InputError, match="policy is of the optimizer ppo"):
        make_plan(GOAL, Wishes(optimizer="random", policy=Path("mine.npz")))


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"optimizer_options": {"n_steps": 1}, "optimizer": "ppo"}, {"optimizer_options.n_steps"}),
        ({"optimizer_options": {"nope": 1}, "optimizer": "random"}, {"optimizer_options"}),
        ({"guards": [{"metric": "p99", "direction": "minimize", "limit": 2}]}, {"guards[0].metric"}),
        ({"also": [{"metric": "p99", "direction": "minimize"}]}, {"also[0].metric"}),
        ({"objective": {"metric": "sped", "direction": "maximize"}}, {"objective.metric"}),
        ({"workload": {"name": "memory", "options": {"nope": 1}}}, {"workload.options.nope"}),
        (
            {"seed": -1, "also": [{"metric": "p99", "direction": "minimize"}], "optimizer_options": {"x": 1}},
            {"seed", "also[0].metric", "optimizer_options"},
        ),
    ],
)
def test_what_would_fail_at_the_start_is_a_fault_of_the_plan(
    here: Settings, change: dict[str, Any], fields: set[str]
):
    """Options that no plug-in takes and metrics that none gives, together with all other faults."""
    speed = {"name": "speed", "direction": "maximize"}
    plan = {
        "goal": "a test",
        "workload": {"name": "command", "options": {"command": "true", "metrics": [speed]}},
        "objective": {"metric": "speed", "direction": "maximize"},
        "knobs": [{"knob": KNOB}],
        "optimizer": "random",
    }
    with pytest.raises(PlanError) as caught:
        kerntune.optimize_os_parameters({**plan, **change}, here=here)

    assert {fault.field for fault in caught.value.faults} == fields


def test_a_plan_of_ones_own_is_checked_like_a_file(here: Settings):
    """What is made in Python passes no other door."""
    plan = replace(make_plan(GOAL), seed=2**32)
    with pytest.raises(PlanError, match="seed: must be at most 4294967295"):
        kerntune.optimize_os_parameters(plan, here=here)


def test_knobs_that_are_not_here_are_named_by_their_names(here: Settings):
    """Neither format's words fit both; a name does."""
    action = {"param": "net.ipv4.neigh.eth7.unres_qlen_bytes"}
    with pytest.raises(PlanError) as caught:
        kerntune.optimize_os_parameters({**NETNS, "action_space": [action]}, dry_run=True, here=here)

    assert [fault.field for fault in caught.value.faults] == [action["param"]]
