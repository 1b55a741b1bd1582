"""Configuration files of reinforcement-learning tuners become plans, with notes on what is left out."""

import json

import pytest

from kerntune.catalog import load
from kerntune.errors import PlanError
from kerntune.model.plan import Budget, Direction, Objective
from kerntune.planfile import Known, parse_plan

CATALOG = load()
KNOWN = Known(workloads={"command"}, optimizers={"auto"}, targets={"netns"})
WMEM = "net.ipv4.tcp_wmem:max"

FILE = {
    "workload_name": "my-transfer",
    "reward_metric": "bytes_per_second",
    "benchmark_command": "python3 benchmarks/transfer.py",
    "action_space": [
        {"param": WMEM, "min": 1 << 20, "max": 1 << 24, "type": "int", "description": "send window"},
        {"param": "net.ipv4.tcp_congestion_control", "values": ["cubic", "reno"], "type": "choice"},
    ],
    "state_space": [{"metric": "cpu_usage", "description": "CPU"}],
    "training_config": {
        "total_timesteps": 200,
        "n_steps": 64,
        "learning_rate": 0.001,
        "benchmark_timeout": 15,
    },
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


def test_what_is_not_honoured_is_told():
    """The state space, the settings of PPO, fields of nobody's: each by name."""
    document = {**FILE, "author": "me", "reward_metric": "p99_latency_ms"}
    _, notes = parse_plan(json.dumps(document), CATALOG, KNOWN)

    said = "\n".join(notes)
    for word in (
        "state_space",
        "learning_rate, n_steps",
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
