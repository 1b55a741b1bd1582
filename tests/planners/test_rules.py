import tomllib
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import config_faults, load, pick_faults
from kerntune.errors import InputError, UnclearGoal
from kerntune.model.plan import Plan
from kerntune.planfile import Known, dump_plan, parse_plan
from kerntune.planners.rulebook import Rulebook
from kerntune.planners.rules import LONGEST_GOAL, Rules
from kerntune.targets.netns.options import parse
from kerntune.testing.planner import Sentences, check_planner, plan_faults

HERE = Path(__file__).parent
CATALOG = load()
VOCABULARY = sorted(
    {phrase for intent in Rulebook.load().intents.values() for phrase in intent.vocabulary.weights()}
)
INTENTS = {
    "bulk_transfer": "wan_transfer",
    "request_latency": "wan_requests",
    "many_connections": "connections",
    "udp_streams": "udp_bursts",
}


def labelled(name: str) -> dict[str, list[str]]:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))


def answer(planner: Rules, goal: str) -> str:
    """Returns an intent, "unclear", "not_yet" or "none"."""
    try:
        workload = planner.plan(goal).workload.name
    except UnclearGoal:
        return "unclear"
    except InputError as error:
        return "not_yet" if "registered yet" in str(error) else "none"
    return next(intent for intent, name in INTENTS.items() if name == workload)


def mistakes(planner: Rules, name: str) -> list[tuple[str, str, str]]:
    return [
        (label, found, goal)
        for label, goals in labelled(name).items()
        for goal in goals
        if (found := answer(planner, goal)) != label
    ]


@pytest.fixture(scope="module")
def planner() -> Rules:
    return Rules(CATALOG)


@pytest.fixture(scope="module")
def plans(planner: Rules) -> list[Plan]:
    """One plan for every sentence of all sets that gets one."""
    found = []
    for name in ("sentences", "held_out", "unseen", "last"):
        for goal in (goal for intent in INTENTS for goal in labelled(name)[intent]):
            with suppress(InputError):
                found.append(planner.plan(goal))
    return found


def test_the_labelled_sentences_are_many() -> None:
    """At least 80 to tune on and 20 held out, none in both."""
    tuned = [goal for goals in labelled("sentences").values() for goal in goals]
    others = [
        goal for name in ("held_out", "unseen", "last") for goals in labelled(name).values() for goal in goals
    ]

    assert len(tuned) >= 80
    assert len(others) >= 20
    assert not set(tuned) & set(others)


def test_every_tuned_sentence_is_understood(planner: Rules) -> None:
    """The sentences the vocabulary was made for, without a miss."""
    assert mistakes(planner, "sentences") == []


@pytest.mark.parametrize("name", ["held_out", "unseen", "last"])
def test_other_sentences_are_mostly_understood_and_rarely_guessed(planner: Rules, name: str) -> None:
    """Nine in ten; of the rest nearly all get choices or an error: a wrong plan is the worst answer."""
    wrong = mistakes(planner, name)
    number = sum(map(len, labelled(name).values()))

    assert len(wrong) <= number // 10, wrong
    assert len([found for _, found, _ in wrong if found in INTENTS]) <= 1, wrong


def test_the_planner_keeps_the_seams_promises() -> None:
    """The conformance suite that every planner passes."""
    tuned = labelled("sentences")
    sentences = Sentences(
        clear=tuple(goal for intent in INTENTS for goal in tuned[intent][:5]),
        unclear=tuple(tuned["unclear"]),
        foreign=(*tuned["none"], *tuned["not_yet"]),
    )
    registered = {point.name for point in entry_points(group="kerntune.workloads")}

    check_planner(lambda: Rules(CATALOG), sentences, workloads=registered)


def test_the_registered_planner_is_this_one() -> None:
    """The entry point leads here."""
    (point,) = entry_points(group="kerntune.planners", name="rules")

    assert point.load() is Rules


def test_every_plan_is_valid_against_the_catalogue(plans: list[Plan]) -> None:
    """No unknown, dangerous or vanished knob, no bound or hint outside its domain, no broken constraint."""
    for plan in plans:
        assert pick_faults(CATALOG, plan.picks) == [], plan.goal
        for number, hint in enumerate(plan.hints):
            assert config_faults(CATALOG, hint.config, f"hints[{number}].config") == [], plan.goal


def test_every_plan_is_valid_in_itself(plans: list[Plan]) -> None:
    """Three to eight knobs with reasons and sources, two or three starting points."""
    for plan in plans:
        assert list(plan_faults(plan)) == [], plan.goal
        assert 2 <= len(plan.hints) <= 3, plan.goal


def test_every_plan_asks_for_a_link_the_target_can_make(plans: list[Plan]) -> None:
    """The target's own check takes every plan's link."""
    for plan in plans:
        options = parse(plan.target_options)
        assert all(getattr(options, name) == value for name, value in plan.target_options.items()), plan.goal


def test_every_plan_asks_what_its_workload_can_do(plans: list[Plan]) -> None:
    """The workload takes the options, and has the metrics of objective and guards, in their directions."""
    registered = {point.name: point for point in entry_points(group="kerntune.workloads")}
    for plan in plans:
        workload = registered[plan.workload.name].load()(plan.workload.options)
        given = {metric.name: metric.direction for metric in workload.metrics(parse({}).link("forwarder"))}

        for wanted in (plan.objective, *plan.guards):
            assert given[wanted.metric] == wanted.direction, plan.goal


def test_the_demonstration_gets_the_knob_that_matters(planner: Rules) -> None:
    """The send buffer's maximum leads, and every starting point raises it to at least 16 MiB."""
    plan = planner.plan("bulk file transfer over a long-distance link")

    assert plan.workload.name == "wan_transfer"
    assert plan.picks[0].knob == "net.ipv4.tcp_wmem:max"
    assert all(int(hint.config["net.ipv4.tcp_wmem:max"]) >= 16 << 20 for hint in plan.hints)
    assert plan.target_options == {"rate_mbit": 1000.0, "rtt_ms": 80.0}
    assert plan.planner == "rules"


def test_a_vague_sentence_gets_choices_with_examples(planner: Rules) -> None:
    """Each choice says what it is for, and a sentence that would have chosen it."""
    with pytest.raises(UnclearGoal) as caught:
        planner.plan("make the network faster")

    examples = [intent.example for intent in Rulebook.load().intents.values()]
    assert 2 <= len(caught.value.choices) <= 3
    for workload, why in caught.value.choices:
        assert workload in INTENTS.values()
        assert any(example in why for example in examples)
        assert why in str(caught.value)


def test_two_goals_in_one_sentence_get_both_as_choices(planner: Rules) -> None:
    """With "and" between two goals the user says which, kerntune does not."""
    with pytest.raises(UnclearGoal) as caught:
        planner.plan("bulk transfers and many short-lived connections")

    assert {workload for workload, _ in caught.value.choices} == {"wan_transfer", "connections"}


def test_a_narrow_lead_is_no_decision(planner: Rules) -> None:
    """Five points against four: both are offered."""
    scores = planner.explain("bulk transfer data p99")

    assert [score.points for score in scores[:2]] == [5.0, 4.0]
    assert answer(planner, "bulk transfer data p99") == "unclear"


def test_choices_are_what_the_sentence_hints_at(planner: Rules) -> None:
    """TCP is not offered the datagrams."""
    with pytest.raises(UnclearGoal) as caught:
        planner.plan("speed up my server's TCP")

    assert "udp_bursts" not in [workload for workload, _ in caught.value.choices]


def test_a_subject_without_a_workload_is_named(planner: Rules) -> None:
    """The user learns that it was understood, that it is not there yet, and what can be done today."""
    with pytest.raises(InputError, match="databases and key-value stores") as caught:
        planner.plan("optimize this system for a PostgreSQL database")

    assert "`command`" in caught.value.hint
    assert not isinstance(caught.value, UnclearGoal)


def test_nonsense_gets_what_is_understood_with_three_examples(planner: Rules) -> None:
    """All summaries, three example sentences."""
    intents = Rulebook.load().intents.values()
    with pytest.raises(InputError) as caught:
        planner.plan("make me a sandwich")

    assert all(intent.summary in caught.value.hint for intent in intents)
    assert sum(intent.example in caught.value.hint for intent in intents) == 3


def test_a_very_long_goal_is_refused_without_reading_it(planner: Rules) -> None:
    """The message says how long it is, and does not repeat it."""
    with pytest.raises(InputError, match="10000 characters") as caught:
        planner.plan("x" * 10_000)

    assert len(str(caught.value)) < 100
    assert planner.plan("rsync " + "very " * ((LONGEST_GOAL - 6) // 5)).workload.name == "wan_transfer"


def test_the_choice_can_be_explained(planner: Rules) -> None:
    """Every intent's points with the phrases they come from, the highest first."""
    scores = planner.explain("rsync, throughput instead of latency")

    assert scores[0].intent == "bulk_transfer"
    assert scores[0].points == sum(match.points for match in scores[0].matches)
    assert {match.phrase for match in scores[0].matches} == {"rsync", "throughput"}
    assert {score.intent for score in scores} == set(INTENTS)
    assert "“latency” -2" in str(next(score for score in scores if score.intent == "request_latency"))


def test_what_was_bent_is_noted(planner: Rules) -> None:
    """The link carries 1 Gbit/s, whatever the sentence says; the note says so."""
    (note,) = planner.notes("maximize throughput over 10 Gbit/s with 150 ms")

    assert "1000 Mbit/s" in note
    assert "10 Gbit/s" in note
    assert planner.plan("maximize throughput over 10 Gbit/s with 150 ms").target_options == {
        "rate_mbit": 1000.0,
        "rtt_ms": 150.0,
    }


def test_control_characters_do_not_reach_the_plan(planner: Rules) -> None:
    """A goal is shown on terminals and kept in files: escape sequences become spaces."""
    assert planner.plan("rsync\x1b[31m large\x00files").goal == "rsync [31m large files"


def test_every_plan_survives_its_file(plans: list[Plan]) -> None:
    """Written as a plan file and read again, with every check of plan files, it is the same plan."""
    known = Known(
        workloads=frozenset(point.name for point in entry_points(group="kerntune.workloads")),
        optimizers=frozenset(point.name for point in entry_points(group="kerntune.optimizers")),
        targets=frozenset(point.name for point in entry_points(group="kerntune.targets")),
    )
    for plan in plans:
        assert parse_plan(dump_plan(plan), CATALOG, known) == (plan, ()), plan.goal


@settings(deadline=None)
@given(st.text(max_size=600))
def test_any_text_gets_a_plan_or_an_input_error(planner: Rules, goal: str) -> None:
    """Nothing that can be typed leads to another exception, and a plan is always a valid one."""
    try:
        plan = planner.plan(goal)
    except InputError:
        return
    assert list(plan_faults(plan)) == []


@given(
    st.lists(st.sampled_from(["not", "and", "instead of", "1% loss", "80 ms RTT", *VOCABULARY]), max_size=8)
)
def test_any_mixture_of_our_own_words_is_valid(planner: Rules, words: list[str]) -> None:
    """Sentences made of the vocabulary itself: valid plans only, and the same answer twice."""
    goal = " ".join(words)
    assert answer(planner, goal) == answer(planner, goal)
    try:
        plan = planner.plan(goal)
    except InputError:
        return
    assert pick_faults(CATALOG, plan.picks) == []
    assert list(plan_faults(plan)) == []
