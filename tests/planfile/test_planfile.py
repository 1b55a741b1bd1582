"""Plan files: a good one becomes a plan, a bad one shows all its faults at once, and none a traceback."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerntune.catalog import load
from kerntune.errors import Fault, KerntuneBug, PlanError
from kerntune.model.plan import (
    Budget,
    Direction,
    Guard,
    Hint,
    Objective,
    Pick,
    Plan,
    Reward,
    WorkloadChoice,
)
from kerntune.planfile import Known, dump_plan, load_plan, parse_plan, schema

WMEM, RMEM = "net.ipv4.tcp_wmem:max", "net.ipv4.tcp_rmem:max"
CATALOG = load()
METRICS = {"wan_transfer": ("throughput", "link_share", "retransmits")}


def examined(plan: Plan) -> Iterator[Fault]:
    """Yields the metrics that a workload does not give, as the program's own examination does."""
    given = METRICS.get(plan.workload.name)
    parts = [(f"guards[{index}]", guard.metric) for index, guard in enumerate(plan.guards)]
    parts += [(f"also[{index}]", also.metric) for index, also in enumerate(plan.also)]
    for where, metric in parts:
        if given is not None and metric not in given:
            yield Fault(f"{where}.metric", metric, f"is no metric of {plan.workload.name}")


KNOWN = Known(
    workloads={"wan_transfer", "wan_requests", "command"},
    optimizers={"auto", "random", "tpe"},
    targets={"netns"},
    examine=examined,
)
PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "plan.schema.json"

GOOD = {
    "goal": "bulk file transfer over a long-distance link",
    "workload": {"name": "wan_transfer", "options": {"duration_s": 3}},
    "objective": {"metric": "throughput", "direction": "maximize"},
    "knobs": [
        {"knob": WMEM, "low": 1 << 20, "high": 1 << 26, "reason": "holds the path", "source": "ip-sysctl"},
        {"knob": "net.ipv4.tcp_congestion_control", "values": ["cubic", "reno"]},
    ],
    "hints": [{"config": {WMEM: 1 << 24}, "reason": "bandwidth times delay"}],
    "guards": [{"metric": "retransmits", "direction": "minimize", "limit": 2}],
    "budget": {"trials": 12, "time_s": 200},
}

PLAN = Plan(
    goal="bulk file transfer over a long-distance link",
    workload=WorkloadChoice("wan_transfer", {"duration_s": 3}),
    objective=Objective("throughput", Direction.MAXIMIZE, 0.02),
    picks=(
        Pick(WMEM, "holds the path", "ip-sysctl", 1 << 20, 1 << 26),
        Pick("net.ipv4.tcp_congestion_control", "", "", values=("cubic", "reno")),
    ),
    hints=(Hint({WMEM: 1 << 24}, "bandwidth times delay"),),
    guards=(Guard("retransmits", Direction.MINIMIZE, 2.0),),
    budget=Budget(12, 200.0),
)


def changed(**fields: object) -> dict[str, object]:
    return {**deepcopy(GOOD), **fields}


def faults(document: object) -> dict[str, str]:
    """Returns the problems of a document by field."""
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(PlanError) as caught:
        parse_plan(text, CATALOG, KNOWN, source="plan.json")
    assert str(caught.value).startswith("plan.json: ")
    assert caught.value.hint
    return {fault.field: fault.problem for fault in caught.value.faults}


def test_a_good_file_is_a_plan(tmp_path):
    """With the defaults for what it does not say, from a path or a text, with a byte order mark or not."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(GOOD), encoding="utf-8-sig")

    assert load_plan(file, CATALOG, KNOWN) == (PLAN, ())
    assert parse_plan(json.dumps(GOOD), CATALOG, KNOWN) == (PLAN, ())


def test_a_printed_plan_is_the_same_plan():
    """And the same text again; the published schema accepts it."""
    text = dump_plan(PLAN)
    plan, notes = parse_plan(text, CATALOG, KNOWN)

    assert (plan, notes) == (PLAN, ())
    assert dump_plan(plan) == text
    jsonschema.validate(json.loads(text), json.loads(schema()))


def test_frozen_options_are_printed_and_impossible_ones_are_a_bug():
    """A planner may freeze its mappings; a set or infinity would not come back."""
    frozen = replace(PLAN, target_options=MappingProxyType({"link": MappingProxyType({"rate": 1})}))
    assert parse_plan(dump_plan(frozen), CATALOG, KNOWN)[0].target_options == {"link": {"rate": 1}}

    for bad in ({"hosts": {"a"}}, {"rate": float("inf")}):
        with pytest.raises(KerntuneBug, match="cannot print the plan of file"):
            dump_plan(replace(PLAN, target_options=bad))


def test_all_faults_are_reported_at_once():
    """Shape and meaning, in every part of the file: one look, one correction."""
    document = {
        "goal": " ",
        "workload": {"name": "wan_transfre", "option": {}},
        "objective": {"metric": "throughput", "direction": "upwards"},
        "knobs": [
            {"knob": "net.ipv4.tcp_wmen:max"},
            {"knob": WMEM, "low": 10**7, "high": 10**6},
            {"knob": RMEM, "low": "4096"},
            {"knob": WMEM},
            {"knob": "kernel.panic"},
            {"knob": "net.ipv4.tcp_congestion_control", "low": 3, "values": [True]},
            7,
        ],
        "hints": [{"config": {"net.core.somaxconn": 5, RMEM: 10**30}}, {"config": {}}],
        "guards": [{"metric": "retransmits", "direction": "minimize", "limit": 0.5}],
        "budget": {"trials": 0, "time_s": -1},
        "optimizer": "gradient",
        "seed": 1.5,
        "colour": "blue",
    }

    found = faults(document)

    expected = {
        "goal": "must not be blank",
        "workload.name": "is not known; did you mean wan_transfer?",
        "workload.option": "is not a field here; did you mean options?",
        "objective.direction": "must be maximize or minimize",
        "knobs[1].low": "is above high, 1000000",
        "knobs[2].low": "must be a whole number",
        "knobs[3].knob": "is picked twice: it is knobs[1] already",
        "knobs[5].values[0]": "must be a whole number or a word",
        "knobs[6]": "must be an object",
        "hints[0].config.net.core.somaxconn": "is not one of the plan's knobs",
        "hints[1].config": "must have at least 1",
        "guards[0].limit": "would refuse the present values; for a metric to be minimized it is 1 or more",
        "budget.trials": "must be at least 1",
        "budget.time_s": "must be above 0",
        "optimizer": "is not known; known: auto, random, tpe",
        "seed": "must be a whole number",
    }
    assert expected.items() <= found.items()
    assert "did you mean" not in found["colour"]
    assert "is not in the catalogue; close to it: net.ipv4.tcp_wmem:max" in found["knobs[0].knob"]
    assert found["knobs[4].knob"].startswith("is never written")
    assert f"hints[0].config.{RMEM}" in found


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("", "line 1, column 1", "not JSON"),
        ('{"goal": "x",\n "knobs": [}', "line 2, column 12", "not JSON: expecting value"),
        ("{'goal': 1}", "line 1, column 2", "not JSON"),
        ("[]", "file", "must be an object"),
        ("null", "file", "must be an object"),
        ("3", "file", "must be an object"),
        ("[" * 100_000, "file", "is nested too deep"),
        ('{"a":' * 40 + "1" + "}" * 40, "file", "is nested too deep"),
        ('"' + "x" * (1 << 20) + '"', "file", "is too long"),
    ],
)
def test_what_is_no_plan_text_is_said(text, field, problem):
    """Not JSON with line and column; not an object; bombs are refused before they are read."""
    found = faults(text)

    assert list(found) == [field]
    assert found[field].startswith(problem)


def test_brackets_in_text_are_text():
    """A goal full of brackets is not nested."""
    plan, _ = parse_plan(json.dumps(changed(goal='"[' * 99)), CATALOG, KNOWN)

    assert plan.goal == '"[' * 99


def test_a_key_given_twice_is_a_fault():
    """JSON lets the last one win without a word."""
    text = json.dumps(GOOD).replace('"low": 1048576', '"low": 1, "low": 1048576')

    assert faults(text)["knobs[0].low"] == "is given twice"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_number_must_be_finite(number):
    """Python's reader takes them all, or fails in a way of its own."""
    text = json.dumps(changed(budget={"trials": 5, "time_s": "HERE"})).replace('"HERE"', number)
    inside = json.dumps(changed(target_options={"rate": ["HERE"]})).replace('"HERE"', number)

    assert "finite" in faults(text)["budget.time_s"]
    assert "finite" in faults(inside)["target_options.rate[0]"]


@pytest.mark.parametrize(
    ("text", "problem"), [("\\ud800", "not valid Unicode"), ("a\\u0000b", "zero character")]
)
def test_text_that_no_program_can_take_is_a_fault(text, problem):
    """Half a surrogate pair cannot be printed, a zero cannot be passed to a command."""
    in_value = json.dumps(changed(workload={"name": "command", "options": {"command": "HERE"}}))
    in_key = json.dumps(changed(target_options={"HERE": 1}))

    assert problem in faults(in_value.replace("HERE", text))["workload.options.command"]
    assert any(problem in said for said in faults(in_key.replace("HERE", text)).values())


@pytest.mark.parametrize(
    ("knob", "problem"),
    [
        ("net.ipv4.tcp_speed", "is not in the catalogue"),
        ("net.ipv4.tcp_tw_recycle", "left the kernel in"),
        ("kernel.modules_disabled", "is never written"),
        ("/proc/sys/kernel/sysrq", "is never written"),
        ("net.ipv4.tcp_wmem", "is a vector"),
    ],
)
def test_a_knob_that_may_not_be_tuned_is_a_fault(knob, problem):
    """Unknown, vanished, dangerous, by another name."""
    assert problem in faults(changed(knobs=[{"knob": knob}], hints=[]))["knobs[0].knob"]


def test_a_fault_names_its_place_behind_an_ill_formed_knob():
    """An entry that is no knob at all does not shift the numbers of those behind it."""
    knobs = [7, {"knob": 8}, {"knob": WMEM}, {"knob": "kernel.panic"}]

    found = faults(changed(knobs=knobs, hints=[]))

    assert set(found) == {"knobs[0]", "knobs[1].knob", "knobs[3].knob"}


def test_a_hint_must_lie_within_the_plan():
    """A value that the kernel would take, but which the plan does not search."""
    found = faults(changed(hints=[{"config": {WMEM: 1 << 28, "net.ipv4.tcp_congestion_control": "vegas"}}]))

    assert found[f"hints[0].config.{WMEM}"].startswith("is outside the plan's range")
    assert found["hints[0].config.net.ipv4.tcp_congestion_control"].startswith("is outside the plan's range")


def test_a_hint_must_keep_the_order_of_its_knobs():
    """The smallest window above the largest."""
    low = "net.ipv4.tcp_wmem:min"
    knobs = [{"knob": WMEM}, {"knob": low}]

    found = faults(changed(knobs=knobs, hints=[{"config": {WMEM: 65536, low: 1 << 20}}]))

    assert f"{low} must not be above" in found["hints[0].config"]


def test_what_the_plug_ins_say_of_a_plan_is_told_with_the_rest():
    """wan_transfer has no latency; the guard keeps its number in the file behind one that is none."""
    guards = [{"metric": "p99_latency", "direction": "minimize", "limit": 2}]
    found = faults(changed(guards=[7, *guards], seed=-1))
    assert found.keys() == {"guards[0]", "guards[1].metric", "seed"}
    assert "is no metric of wan_transfer" in found["guards[1].metric"]

    plan, _ = parse_plan(json.dumps(changed(guards=guards, workload={"name": "command"})), CATALOG, KNOWN)
    assert plan.guards[0].metric == "p99_latency"


def test_a_guard_must_let_the_present_values_pass():
    """A throughput of at least 1.2 times the present one would end every trial."""
    guards = [{"metric": "throughput", "direction": "maximize", "limit": 1.2}]

    assert "would refuse the present values" in faults(changed(guards=guards))["guards[0].limit"]


def test_a_fault_repeats_only_the_beginning_of_a_long_value():
    """A message is for reading."""
    with pytest.raises(PlanError) as caught:
        parse_plan(json.dumps(changed(goal=["x" * 10_000])), CATALOG, KNOWN)

    assert len(str(caught.value)) < 500
    assert "(found ['xxx" in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00", b"{}\xff"])
def test_a_file_that_is_not_utf8_is_said(tmp_path, content):
    """UTF-16 from an editor, or any binary file."""
    file = tmp_path / "plan.json"
    file.write_bytes(content)

    with pytest.raises(PlanError, match="is not UTF-8 text"):
        load_plan(file, CATALOG, KNOWN)


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    """Missing, a directory, a name that is none, and one that never ends."""
    for path, problem in (
        (tmp_path / "none.json", "No such file"),
        (tmp_path, "Is a directory"),
        (Path("a\0b"), "is no file name"),
        (Path("/dev/zero"), "too long"),
    ):
        with pytest.raises(PlanError, match=problem):
            load_plan(path, CATALOG, KNOWN)


def test_rewards_second_objectives_and_state_metrics_are_checked():
    """Weights of nothing, an objective twice, a metric the workload lacks, a name that is no state metric."""
    found = faults(
        changed(
            reward={"performance": 0, "stability": 0},
            also=[
                {"metric": "throughput", "direction": "maximize"},
                {"metric": "elegance", "direction": "maximize"},
            ],
            state=["cpu_usage", "cpu_usge"],
            optimizer_options=[],
        )
    )

    assert set(found) == {"reward", "also[0].metric", "also[1].metric", "state[1]", "optimizer_options"}
    assert "elegance" not in found["also[1].metric"]
    assert faults(changed(reward={"definition": "calm", "stability": -1})).keys() == {
        "reward.definition",
        "reward.stability",
    }


def test_a_plan_may_pick_a_knob_of_every_disk():
    """The template is filled in on the target, where its disks are known."""
    name = "block.{disk}.queue.read_ahead_kb"
    plan, _ = parse_plan(json.dumps(changed(knobs=[{"knob": name}], hints=[])), CATALOG, KNOWN)

    assert plan.picks[0].knob == name


def test_missing_knobs_are_left_out_of_a_plan_and_its_hints():
    """With skip_missing; the hint that was about nothing else goes as well."""
    gone = "kernel.sched_latency_ns"
    document = changed(
        knobs=[{"knob": gone, "low": 1}, {"knob": WMEM}],
        hints=[{"config": {gone: 5, WMEM: 1 << 24}}, {"config": {gone: 7}}],
    )
    assert "5.13" in faults(document)["knobs[0].knob"]

    plan, notes = parse_plan(json.dumps(document), CATALOG, KNOWN, skip_missing=True)

    assert [pick.knob for pick in plan.picks] == [WMEM]
    assert [dict(hint.config) for hint in plan.hints] == [{WMEM: 1 << 24}]
    assert len(notes) == 1
    assert gone in notes[0]


def test_the_published_schema_is_current():
    """Made anew by `python -c "from kerntune.planfile import schema; print(schema(), end='')"`."""
    assert PUBLISHED.read_text() == schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema()))


def test_the_schema_refuses_what_the_loader_refuses():
    """An editor shows the same faults of shape."""
    validator = jsonschema.Draft202012Validator(json.loads(schema()))

    assert validator.is_valid(GOOD)
    for bad in (changed(colour=1), changed(seed="x"), changed(knobs=[]), changed(budget={"trials": 0})):
        assert not validator.is_valid(bad)
        assert faults(bad)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PARTS = ("knob", "low", "high", "values", "config", "metric", "direction", "limit", "trials", "time_s")
THEIRS = ("benchmark_command", "action_space", "reward_metric", "training_config", "param", "total_timesteps")
likely = st.sampled_from((*GOOD, *PARTS, *THEIRS))
plan_like = st.recursive(
    json_values
    | st.sampled_from([WMEM, RMEM, "wan_transfer", "maximize", "net.ipv4.tcp_congestion_control"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(likely, inner, max_size=8),
    max_leaves=20,
)


@given(json_values | plan_like)
@example({"action_space": [[]], "knobs": 1})
@settings(max_examples=300, deadline=None)
def test_any_json_is_a_plan_or_a_plan_error(document):
    """Never another exception, never a hang."""
    try:
        parse_plan(json.dumps(document), CATALOG, KNOWN)
    except PlanError as error:
        assert error.faults  # noqa: PT017 - either answer will do


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(max_examples=200, deadline=None)
def test_a_good_plan_with_one_wild_field_is_a_plan_or_a_plan_error(name, data):
    """The faults a person makes: one field is anything at all."""
    document = changed(**{name: data.draw(json_values | plan_like)})
    try:
        parse_plan(json.dumps(document), CATALOG, KNOWN)
    except PlanError as error:
        assert error.faults  # noqa: PT017 - either answer will do


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_plan_error(text):
    """Whatever somebody passes as a plan."""
    with pytest.raises(PlanError):
        parse_plan(text, CATALOG, KNOWN)


reasons = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
goals = reasons.filter(lambda text: text.strip())
windows = st.integers(1 << 20, 1 << 26)
DEFINITIONS = ("spread", "pressure")


@st.composite
def good_plans(draw):
    low, high = sorted((draw(windows), draw(windows)))
    pick = Pick(WMEM, draw(reasons), draw(reasons), low, high)
    hints = draw(
        st.lists(st.builds(Hint, st.just({WMEM: draw(st.integers(low, high))}), reasons), max_size=2)
    )
    choices = st.lists(st.sampled_from(["cubic", "reno"]), min_size=1, unique=True).map(tuple)
    control = Pick("net.ipv4.tcp_congestion_control", draw(reasons), "", values=draw(choices))
    guard = Guard("retransmits", Direction.MINIMIZE, draw(st.floats(1, 1e6)), draw(reasons))
    options = st.dictionaries(reasons, st.integers() | reasons | st.lists(st.booleans()), max_size=3)
    return Plan(
        goal=draw(goals),
        workload=WorkloadChoice("wan_transfer", draw(options)),
        objective=Objective("throughput", Direction.MAXIMIZE, draw(st.floats(0, 0.99))),
        picks=(pick, control),
        hints=tuple(hints),
        guards=(guard,),
        budget=Budget(draw(st.integers(1, 1000)), draw(st.floats(1e-3, 1e6))),
        target_options=draw(options),
        optimizer=draw(st.sampled_from(sorted(KNOWN.optimizers))),
        seed=draw(st.integers(0, 2**32 - 1)),
        planner=draw(goals),
        optimizer_options=draw(options),
        reward=Reward(draw(st.floats(0.1, 10)), draw(st.floats(0, 10)), draw(st.sampled_from(DEFINITIONS))),
        also=tuple(draw(st.lists(st.just(Objective("link_share", Direction.MAXIMIZE)), max_size=1))),
        state=tuple(draw(st.lists(st.sampled_from(["cpu_usage", "io_wait", "swap_used"]), unique=True))),
    )


@given(good_plans())
@settings(max_examples=100, deadline=None)
def test_every_good_plan_survives_printing(plan):
    """Printed and parsed it is equal, whatever its text, ranges and options."""
    assert parse_plan(dump_plan(plan), CATALOG, KNOWN) == (plan, ())
