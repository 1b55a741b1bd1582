"""Configuration files of reinforcement-learning tuners become plans, with notes on what is left out."""

import json

import pytest

from kerntune.catalog import load
from kerntune.errors import PlanError
from kerntune.model.plan import Budget, Direction, Guard, Objective
from kerntune.planfile import Known, dump_plan, parse_plan
from kerntune.reward import EVEN

CATALOG = load()
KNOWN = Known(workloads={"command"}, optimizers={"auto", "ppo"}, targets={"netns", "host"})
WMEM = "net.ipv4.tcp_wmem:max"

FILE = {
    "workload_name": "my-transfer",
    "reward_metric": "bytes_per_second",
    "benchmark_command": "python3 benchmarks/transfer.py",
    "action_space": [
        {"param": WMEM, "min": 1 << 20, "max": 1 << 24, "type": "int", "description": "send window"},
        {"param": "net.ipv4.tcp_congestion_control", "values": ["cubic", "reno"], "type": "choice"},
    ],
    "state_space": [{"metric": "cpu_usage", "description": "CPU"}, "io_wait"],
    "training_config": {
        "total_timesteps": 200,
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

DATABASE = {
    "workload_name": "postgresql-optimization",
    "reward_metric": "transactions_per_second",
    "benchmark_command": "sudo -u postgres pgbench -c 10 -t 1000 postgres",
    "action_space": [
        {"param": "vm.swappiness", "min": 0, "max": 100},
        {"param": "vm.dirty_ratio", "min": 5, "max": 80},
        {"param": "vm.dirty_background_ratio", "min": 1, "max": 50},
    ],
    "state_space": ["cpu_usage", "memory_used_percent", "io_wait_percent"],
    "training_config": {"total_timesteps": 10000, "n_steps": 2048, "learning_rate": 0.0003},
}


def faults(document: object) -> dict[str, str]:
    with pytest.raises(PlanError) as caught:
        parse_plan(json.dumps(document), CATALOG, KNOWN)
    return {fault.field: fault.problem for fault in caught.value.faults}


def test_the_file_becomes_a_plan():
    """The command with its metric, the knobs with their bounds, steps and timeout as the budget."""
    plan, _ = parse_plan(json.dumps(FILE), CATALOG, KNOWN)

    assert plan.goal == "my-transfer"
    assert plan.workload.name == "command"
    assert plan.workload.options == {
        "command": "python3 benchmarks/transfer.py",
        "reader": "lines",
        "metrics": [{"name": "bytes_per_second", "direction": "maximize"}],
        "timeout_s": 15.0,
    }
    assert plan.objective == Objective("bytes_per_second", Direction.MAXIMIZE)
    assert [(pick.knob, pick.low, pick.high, pick.values) for pick in plan.picks] == [
        (WMEM, 1 << 20, 1 << 24, ()),
        ("net.ipv4.tcp_congestion_control", None, None, ("cubic", "reno")),
    ]
    assert plan.picks[0].reason == "send window"
    assert plan.budget == Budget(200, 3000.0)
    assert (plan.target, plan.optimizer, plan.reward) == ("host", "ppo", EVEN)
    assert plan.state == ("cpu_usage", "io_wait")
    assert plan.optimizer_options == {
        "n_steps": 64,
        "batch_size": 32,
        "n_epochs": 5,
        "learning_rate": 0.001,
        "gamma": 0.95,
        "max_steps_per_episode": 10,
    }
    assert parse_plan(dump_plan(plan), CATALOG, KNOWN) == (plan, ())


def test_the_format_of_a_known_program_is_read_by_its_reader():
    """A pgbench report says `tps = …`, not `transactions_per_second: …`; the name stays."""
    plan, notes = parse_plan(json.dumps(DATABASE), CATALOG, KNOWN)

    assert plan.workload.options["reader"] == "pgbench"
    assert plan.workload.options["metrics"] == [
        {"name": "transactions_per_second", "direction": "maximize", "find": "tps"}
    ]
    assert plan.objective.metric == "transactions_per_second"
    assert plan.budget.trials == 10000
    assert any("vm.dirty_ratio: 5 to 60 instead of 5 to 80" in note for note in notes)


def test_a_metric_that_the_program_does_not_print_is_a_fault():
    """Never any number of the output."""
    found = faults({**DATABASE, "reward_metric": "elegance", "constraints": ["beauty <= 1.1 x baseline"]})

    assert found["reward_metric"].startswith("pgbench prints no such metric; it prints tps")
    assert "constraints[0].metric" in found


def test_constraints_become_guards():
    """As a text or an object; their metrics are read as the rewarded one is."""
    constraints = ["latency_ms <= 1.1 x baseline", {"metric": "failed", "min": 0.9, "description": "why"}]
    plan, _ = parse_plan(json.dumps({**DATABASE, "constraints": constraints}), CATALOG, KNOWN)

    assert [(guard.metric, guard.direction, guard.limit) for guard in plan.guards] == [
        ("latency_ms", Direction.MINIMIZE, 1.1),
        ("failed", Direction.MAXIMIZE, 0.9),
    ]
    assert isinstance(plan.guards[0], Guard)
    assert [(one["name"], one.get("find")) for one in plan.workload.options["metrics"]] == [
        ("transactions_per_second", "tps"),
        ("latency_ms", "latency_average"),
        ("failed", None),
    ]
    found = faults({**DATABASE, "constraints": ["latency_ms < 2", {"metric": "tps", "min": 1, "max": 2}]})
    assert {"constraints[0]", "constraints[1]"} == set(found)
    assert faults({**DATABASE, "constraints": ["latency <= 0.5 x baseline"]})["constraints[0].limit"]


def test_less_is_better_where_the_program_or_the_file_says_so():
    """The format maximizes; a latency of a known program cannot be meant so."""
    plan, notes = parse_plan(json.dumps({**DATABASE, "reward_metric": "latency_ms"}), CATALOG, KNOWN)
    assert plan.objective.direction is Direction.MINIMIZE
    assert any("minimized" in note for note in notes)

    document = {**FILE, "reward_metric": "p99_latency_ms", "reward_direction": "minimize"}
    plan, notes = parse_plan(json.dumps(document), CATALOG, KNOWN)
    assert plan.objective.direction is Direction.MINIMIZE
    assert plan.workload.options["metrics"][0]["direction"] == "minimize"
    assert not any("maximized" in note for note in notes)


def test_the_state_space_is_observed_each_metric_once():
    """Two names of one metric are one observation; a name that is none is a fault with close ones."""
    spaces = ["cpu_usage", {"metric": "cpu_utilization", "source": "/proc/stat"}, {"metric": "load_average"}]
    plan, _ = parse_plan(json.dumps({**FILE, "state_space": spaces}), CATALOG, KNOWN)
    assert plan.state == ("cpu_usage", "load_average")

    found = faults({**FILE, "state_space": ["cpu_usag", {"name": "io_wait"}]})
    assert "cpu_usage" in found["state_space[0]"]
    assert any(name.startswith("state_space[1]") for name in found)


def test_bounds_as_floats_are_whole_numbers():
    """min: 5.0 is 5; the kernel takes no fractions, and a note says so."""
    action = {"param": "vm.swappiness", "min": 5.0, "max": 80.0, "type": "float"}
    plan, notes = parse_plan(json.dumps({**DATABASE, "action_space": [action]}), CATALOG, KNOWN)

    assert (plan.picks[0].low, plan.picks[0].high) == (5, 80)
    assert any("whole numbers only" in note for note in notes)


VANISHED = [{"param": "kernel.sched_min_granularity_ns", "min": 1, "max": 10}, {"param": "vm.no_such_knob"}]


def test_missing_knobs_are_explained_and_can_be_skipped():
    """What replaced them, in words; with skip_missing the study goes on without, and says so."""
    document = json.dumps({**DATABASE, "action_space": [*VANISHED, *DATABASE["action_space"]]})
    with pytest.raises(PlanError, match=r"left the kernel in 5.13; instead: .*base_slice_ns"):
        parse_plan(document, CATALOG, KNOWN)

    plan, notes = parse_plan(document, CATALOG, KNOWN, skip_missing=True)

    assert [pick.knob for pick in plan.picks] == [action["param"] for action in DATABASE["action_space"]]
    assert [note for note in notes if note.startswith("left out")] == [
        note for note in notes if "sched_min_granularity_ns" in note or "no_such_knob" in note
    ]
    assert len([note for note in notes if note.startswith("left out")]) == 2


def test_nothing_left_and_dangers_stay_faults():
    """Skipping everything is no study, and what is never written is not missing."""
    with pytest.raises(PlanError, match="left the kernel"):
        parse_plan(json.dumps({**DATABASE, "action_space": VANISHED}), CATALOG, KNOWN, skip_missing=True)

    actions = [{"param": "kernel.panic"}, *DATABASE["action_space"]]
    with pytest.raises(PlanError, match=r"action_space\[0\].param: is never written"):
        parse_plan(json.dumps({**DATABASE, "action_space": actions}), CATALOG, KNOWN, skip_missing=True)


def test_the_benchmark_runs_where_the_user_stands(tmp_path):
    """Relative paths in the command mean what they meant there."""
    plan, _ = parse_plan(json.dumps(FILE), CATALOG, KNOWN, directory=tmp_path / "a b")

    command = plan.workload.options["command"]
    assert command == f"cd '{tmp_path}/a b' || exit\npython3 benchmarks/transfer.py"


def test_what_is_not_honoured_is_told():
    """Fields of nobody's, settings that no policy of ours has: each by name."""
    training = {**FILE["training_config"], "clip_range": 0.2}
    document = {**FILE, "author": "me", "reward_metric": "p99_latency_ms", "training_config": training}
    _, notes = parse_plan(json.dumps(document), CATALOG, KNOWN)

    said = "\n".join(notes)
    for word in (
        "clip_range not used",
        "author",
        "200 trials",
        "p99_latency_ms is maximized",
    ):
        assert word in said


def test_without_training_settings_the_budget_is_the_usual():
    """All that a file needs."""
    document = {name: FILE[name] for name in ("workload_name", "reward_metric", "benchmark_command")}
    plan, notes = parse_plan(json.dumps({**document, "action_space": [{"param": WMEM}]}), CATALOG, KNOWN)

    assert plan.budget == Budget()
    assert notes == ()


def test_its_faults_are_named_in_its_own_words():
    """All at once; the fields are those of the file, not of the plan it would have become."""
    document = {
        "workload_name": "",
        "benchmark_command": 7,
        "action_space": [
            {"param": "vm.no_such_knob", "min": 1, "max": 0},
            {"param": WMEM, "min": 10**8, "max": 10**7},
            {"param": WMEM, "min": 0.5},
            3,
        ],
        "training_config": {"total_timesteps": 0, "benchmark_timeout": "15s"},
    }

    found = faults(document)

    assert {
        "workload_name",
        "benchmark_command",
        "reward_metric",
        "action_space[0].param",
        "action_space[1].min",
        "action_space[2].min",
        "action_space[2].param",
        "action_space[3]",
        "training_config.total_timesteps",
        "training_config.benchmark_timeout",
    } == set(found)
    assert found["reward_metric"] == "is missing"
    assert found["action_space[1].min"] == "is above high, 10000000"


def test_a_plan_with_a_field_of_that_format_is_a_plan():
    """A typo must not turn a plan file into another format."""
    found = faults({"goal": "x", "knobs": [], "action_space": []})

    assert found["action_space"].startswith("is not a field here")
