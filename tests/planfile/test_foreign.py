"""Configuration files of reinforcement-learning tuners become plans, with notes on what is left out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import load
from kerntune.errors import PlanError
from kerntune.model.knob import Choice
from kerntune.model.plan import Budget, Direction, Guard, Hint, Objective, Reward
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
    assert plan.budget == Budget(50, 3000.0)
    assert plan.planner == "config"
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
    assert any("vm.dirty_ratio: 5 to 60 instead of 5 to 80" in note for note in notes)


def test_a_metric_that_the_program_does_not_print_is_a_fault():
    """Never any number of the output."""
    found = faults({**DATABASE, "reward_metric": "elegance", "constraints": ["beauty <= 1.1 x baseline"]})

    assert found["reward_metric"].startswith("pgbench prints no such metric; it prints tps")
    assert found["constraints[0]"].startswith("pgbench prints no such metric")
    assert len(found) == 2


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
    assert "write it as p99_latency <= 1.1 x baseline" in found["constraints[0]"]
    refused = faults({**DATABASE, "constraints": ["latency <= 0.5 x baseline", "tps < 0 x baseline", 7]})
    assert refused.keys() == {"constraints[0]", "constraints[1]", "constraints[2]"}


@pytest.mark.parametrize(
    ("text", "direction", "limit"),
    [
        ("p99<1.1x baseline", Direction.MINIMIZE, 1.1),
        ("p99 <= 1.1 * the Baseline", Direction.MINIMIZE, 1.1),
        ("p99 ≤ 1.1 \u00d7 DEFAULT", Direction.MINIMIZE, 1.1),
        ("p99 <= 110% of baseline", Direction.MINIMIZE, 1.1),
        ("p99 > .9 X baseline", Direction.MAXIMIZE, 0.9),
        ("p99 >= 90 % of the baseline", Direction.MAXIMIZE, 0.9),
    ],
)
def test_constraints_are_read_as_people_write_them(text, direction, limit):
    """With < or <=, x, * or percent, in any case."""
    plan, _ = parse_plan(json.dumps({**FILE, "constraints": [text]}), CATALOG, KNOWN)

    (guard,) = plan.guards
    assert (guard.metric, guard.direction, guard.limit) == ("p99", direction, pytest.approx(limit))


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
    document = {
        **FILE,
        "author": "me",
        "stat_space": [],
        "reward_metric": "p99_latency_ms",
        "state_space": [{"metric": "cpu_usage", "source": "/proc/stat"}, "cpu_utilization", "cpu_usage"],
        "constraints": [{"metric": "failed", "max": 1, "why": "because"}],
        "training_config": training,
    }
    _, notes = parse_plan(json.dumps(document), CATALOG, KNOWN)

    said = "\n".join(notes)
    for word in (
        "training_config: clip_range, verbose not used",
        "author",
        "stat_space (did you mean state_space?)",
        "200 runs of at most 15 s are a budget of 3,000 s and at most 50 trials",
        "further gain is unlikely",
        "p99_latency_ms is maximized",
        "state_space[0]: source not used",
        "state_space[1]: cpu_utilization is cpu_usage, which is observed already",
        "state_space[2]: cpu_usage is cpu_usage, which is observed already",
        "constraints[0]: why not used",
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
    assert found["action_space[1].min"] == "is above max, 10000000"
    assert found["action_space[2].param"] == "is picked twice: it is action_space[1] already"


def test_a_plan_with_a_field_of_that_format_is_a_plan():
    """A typo must not turn a plan file into another format."""
    found = faults({"goal": "x", "knobs": [], "action_space": []})

    assert found["action_space"].startswith("is not a field here")


def test_each_fault_is_told_once_under_a_name_of_the_file():
    """Not under names of pydantic's or of the plan that the file would have become."""
    document = {
        **FILE,
        "state_space": [None, {}, "cpu_usage", "no_such_metric"],
        "reward_direction": "upwards",
        "constraints": ["p99 is nice", {"metric": "p99", "max": 0}],
        "training_config": {"n_steps": "64", "n_epochs": 1e30, "learning_rate": 1.5},
        "action_space": [
            {"param": WMEM, "values": [True], "description": 7},
            {"param": WMEM, "choices": [{}]},
        ],
    }

    found = faults(document)

    assert found == {
        "action_space[0].values[0]": "must be a whole number or a word",
        "action_space[0].description": "must be text",
        "action_space[1].choices[0]": "must be a whole number or a word",
        "action_space[1].param": "is picked twice: it is action_space[0] already",
        "state_space[0]": "must be the name of a metric, or an object with metric",
        "state_space[1].metric": "is missing",
        "state_space[3]": found["state_space[3]"],
        "training_config.n_steps": "must be a whole number",
        "training_config.n_epochs": "must be at most 100000",
        "training_config.learning_rate": "must be at most 1.0",
        "reward_direction": "must be maximize or minimize",
        "constraints[0]": "is not understood; write it as p99_latency <= 1.1 x baseline",
        "constraints[1].max": "must be above 0",
    }


@pytest.mark.parametrize(
    ("training", "budget"),
    [
        ({"total_timesteps": 200, "benchmark_timeout": 15}, Budget(50, 3000.0)),
        ({"total_timesteps": 20, "benchmark_timeout": 15}, Budget(5, 300.0)),
        ({"total_timesteps": 1, "benchmark_timeout": 15}, Budget(1, 15.0)),
        ({"total_timesteps": 200}, Budget(50, 12_000.0)),
        ({"total_timesteps": 10_000}, Budget(360, 86_400.0)),
        ({"total_timesteps": 10_000, "benchmark_timeout": 60_000}, Budget(1, 60_000.0)),
    ],
)
def test_steps_are_runs_of_the_benchmark(training, budget):
    """The study may spend what the tuner's own loop would have spent at most, but no more than a day."""
    plan, notes = parse_plan(json.dumps({**FILE, "training_config": training}), CATALOG, KNOWN)

    timeout_s = training.get("benchmark_timeout", 60.0)
    assert plan.budget == budget
    assert plan.workload.options["timeout_s"] == timeout_s
    assert any(f"of at most {timeout_s:g} s" in note and f"{budget.time_s:,.0f} s" in note for note in notes)
    assert ("as many as fit a day" in notes[0]) is (budget.time_s < training["total_timesteps"] * timeout_s)
    assert "1 trials" not in notes[0] and "1 runs" not in notes[0]  # noqa: PT018 - one fact


@pytest.mark.parametrize(
    ("action", "picked", "told"),
    [
        ({"param": "kernel.sched_autogroup_enabled", "min": 0, "max": 1, "type": "int"}, (0, 1), ""),
        ({"param": "net.ipv4.tcp_tw_reuse", "min": 0, "max": 1}, (1,), "1 instead of 0 to 1"),
        ({"param": "net.ipv4.tcp_congestion_control", "choices": ["cubic"]}, ("cubic",), ""),
        ({"param": "net.core.somaxconn", "values": [2048.0, 4096]}, (2048, 4096), ""),
        ({"param": "net.core.somaxconn", "min": 128}, (1024, None), "1024 and more instead of 128 and more"),
        ({"param": "net.core.somaxconn", "max": 1e6}, (None, 65535), "up to 65535 instead of up to 1000000"),
    ],
)
def test_bounds_are_cut_to_what_the_catalogue_searches(action, picked, told):
    """Of a range, of a choice among numbers, one bound or both; `choices` is another word for `values`."""
    plan, notes = parse_plan(json.dumps({**DATABASE, "action_space": [action]}), CATALOG, KNOWN)

    (pick,) = plan.picks
    assert (pick.values or (pick.low, pick.high)) == picked
    assert any(told in note for note in notes)
    assert any(action["param"] in note for note in notes) is bool(told)


def test_every_choice_among_numbers_takes_its_own_bounds():
    """None of the catalogue's is refused for being no range."""
    for knob in CATALOG.knobs.values():
        numbers = isinstance(knob.domain, Choice) and all(type(value) is int for value in knob.domain.values)
        if numbers:
            action = {"param": knob.name, "min": min(knob.domain.values), "max": max(knob.domain.values)}
            plan, _ = parse_plan(json.dumps({**DATABASE, "action_space": [action]}), CATALOG, KNOWN)
            assert plan.picks[0].values == knob.domain.values


def test_fields_that_mean_the_same_in_a_plan_are_honoured():
    """A config that says netns never reaches the host."""
    also = [{"metric": "p99_ms", "direction": "minimize"}]
    hint = {"config": {WMEM: 1 << 22}, "reason": "of a colleague"}
    document = {
        **FILE,
        "target": "netns",
        "target_options": {"emulator": "none"},
        "optimizer": "auto",
        "seed": 7.0,
        "reward": {"performance": 1, "stability": 0.25, "definition": "pressure"},
        "also": also,
        "hints": [hint],
        "constraints": ["p50 <= 1.1 x baseline"],
        "guards": [{"metric": "failed", "direction": "minimize", "limit": 2}],
        "dry_run": False,
    }

    plan, notes = parse_plan(json.dumps(document), CATALOG, KNOWN)

    assert (plan.target, plan.target_options, plan.optimizer) == ("netns", {"emulator": "none"}, "auto")
    assert (plan.seed, plan.reward) == (7, Reward(1.0, 0.25, "pressure"))
    assert plan.also == (Objective("p99_ms", Direction.MINIMIZE),)
    assert plan.hints == (Hint({WMEM: 1 << 22}, "of a colleague"),)
    assert [guard.metric for guard in plan.guards] == ["p50", "failed"]
    read = [metric["name"] for metric in plan.workload.options["metrics"]]
    assert read == ["bytes_per_second", "p50", "failed", "p99_ms"]
    assert plan.optimizer_options == {}
    assert any("n_steps" in note and "the optimizer is auto" in note for note in notes)
    guards = [7, {"metric": "failed", "direction": "minimize", "limit": 0.5}]
    assert faults({**document, "guards": guards}).keys() == {"guards[0]", "guards[1].limit"}


def test_a_config_that_asks_for_a_dry_run_is_refused():
    """Rather than carried out: the hint says how to ask for one."""
    assert "--dry-run" in faults({**FILE, "dry_run": True})["dry_run"]


def test_null_is_as_if_absent_and_whole_floats_are_whole():
    """Programs that write the format leave null where nothing was said, and 1e4 where 10000 was."""
    nulls = dict.fromkeys(("training_config", "state_space", "constraints", "reward_direction", "seed"))
    action = {"param": WMEM, "description": None, "type": None, "min": None}
    plan, notes = parse_plan(json.dumps({**FILE, **nulls, "action_space": [action]}), CATALOG, KNOWN)
    assert (plan.budget, plan.state, notes) == (Budget(), (), ())
    assert faults({**FILE, "workload_name": None}) == {"workload_name": "is missing"}

    training = {"total_timesteps": 1e2, "n_steps": 64.0, "batch_size": 32.0, "n_epochs": 5.0, "seed": 3.0}
    plan, _ = parse_plan(json.dumps({**FILE, "training_config": training}), CATALOG, KNOWN)
    assert plan.optimizer_options == {"n_steps": 64, "batch_size": 32, "n_epochs": 5}
    assert (plan.budget.trials, plan.seed) == (25, 3)


def test_words_of_direction_are_whole_words():
    """A terror is no error, and real time is no duration."""
    for metric, told in (("terror", False), ("realtime_ops", False), ("runtime", False), ("p99_time", True)):
        _, notes = parse_plan(json.dumps({**FILE, "reward_metric": metric}), CATALOG, KNOWN)
        assert any("maximized" in note for note in notes) is told


@pytest.mark.parametrize(
    "command",
    [
        "runuser -u postgres -- pgbench -c 10",
        "runuser -l postgres -c 'pgbench -c 10'",
        "su postgres -c 'cd /tmp && pgbench -c 10'",
        "sudo -u postgres bash -lc 'pgbench -c 10'",
        "numactl -N 0 -C 0-3 --membind=0 pgbench -c 10",
        'bash -c "pgbench -c 10"',
    ],
)
def test_the_program_behind_others_is_recognised(command):
    """Accounts, processors and shells in front of it change nothing about what it prints."""
    plan, _ = parse_plan(json.dumps({**DATABASE, "benchmark_command": command}), CATALOG, KNOWN)

    assert plan.workload.options["reader"] == "pgbench"


@pytest.mark.parametrize(
    "command", ["bash pgbench.sh -c 10", "bash -c 'pgbench | tee log'", "su", "sh -c '\"'"]
)
def test_other_programs_print_lines(command):
    """A script of one's own, or what a pipeline ends with."""
    plan, _ = parse_plan(json.dumps({**DATABASE, "benchmark_command": command}), CATALOG, KNOWN)

    assert plan.workload.options["reader"] == "lines"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VM.Swappiness", "vm.swappiness"),
        ("/proc/sys/vm/swappiness", "vm.swappiness"),
        ("/sys/kernel/mm/ksm/run", "mm.ksm.run"),
        ("/sys/block/vda/queue/read_ahead_kb", "block.vda.queue.read_ahead_kb"),
    ],
)
def test_another_way_to_name_a_knob_is_told_its_name(name, meant):
    """Paths and capitals are no typos; with skip_missing they are not left out in silence either."""
    document = {**DATABASE, "action_space": [{"param": name}, {"param": WMEM}]}
    assert faults(document)["action_space[0].param"] == f"is not how knobs are named: write {meant}"
    with pytest.raises(PlanError, match="is not how knobs are named"):
        parse_plan(json.dumps(document), CATALOG, KNOWN, skip_missing=True)


def test_the_format_that_is_meant_is_told_by_most_fields():
    """A misspelt config gets the faults of a config, and the page about them."""
    misspelt = {"workload_nam": "x", "reward_metrics": "ops"}
    with pytest.raises(PlanError, match="benchmark_command: is missing") as caught:
        parse_plan(json.dumps(misspelt), CATALOG, KNOWN)
    assert "reinforcement-learning-configs.md" in caught.value.hint

    with pytest.raises(PlanError, match="has no field of a plan") as caught:
        parse_plan("{}", CATALOG, KNOWN)
    assert "plan.md" in caught.value.hint
    assert "reinforcement-learning-configs.md" in caught.value.hint
    with pytest.raises(PlanError, match="knobs: is missing") as caught:
        parse_plan('{"goals": "x"}', CATALOG, KNOWN)
    assert "reinforcement-learning-configs.md" not in caught.value.hint


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
words = st.sampled_from(("param", "min", "max", "values", "choices", "metric", *FILE["training_config"]))
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
wild = st.sampled_from((*FILE, "constraints", "hints", "guards", "also", "reward", "dry_run"))


@given(st.dictionaries(wild, json_values, max_size=2), st.dictionaries(words, json_values, max_size=2))
@settings(max_examples=200, deadline=None)
def test_a_config_with_wild_fields_is_a_plan_or_a_plan_error(fields, training):
    """Whatever stands there, the faults are named and nothing else is raised; a plan can be printed."""
    document = {**FILE, "training_config": {**FILE["training_config"], **training}, **fields}
    try:
        plan, _ = parse_plan(json.dumps(document), CATALOG, KNOWN)
    except PlanError as error:
        assert error.faults  # noqa: PT017 - either answer will do
    else:
        assert parse_plan(dump_plan(plan), CATALOG, KNOWN) == (plan, ())
