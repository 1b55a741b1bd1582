from collections.abc import Callable
from dataclasses import replace

import pytest

from kerntune.errors import InputError, UnclearGoal
from kerntune.model.plan import (
    Budget,
    Direction,
    Guard,
    Hint,
    Objective,
    Pick,
    Plan,
    WorkloadChoice,
)
from kerntune.testing.planner import HOSTILE, Sentences, check_planner, plan_faults

PICKS = tuple(Pick(f"net.core.knob{number}", "a reason", "a page", low=1, high=9) for number in range(3))
GOOD = Plan(
    goal="clear",
    workload=WorkloadChoice("wan_transfer"),
    objective=Objective("throughput", Direction.MAXIMIZE),
    picks=PICKS,
    hints=(Hint({"net.core.knob0": 5}, "a start"),),
    planner="fake",
)
SENTENCES = Sentences(("clear",), ("unclear",), ("foreign",))


class Fake:
    """A planner whose answers are given: a plan, or an error to raise."""

    def __init__(self, **answers: Plan | InputError | Callable[[], Plan]) -> None:
        self.answers: dict[str, Plan | InputError | Callable[[], Plan]] = {
            "clear": GOOD,
            "unclear": UnclearGoal("two fit", [("wan_transfer", "why"), ("udp_bursts", "why")], hint="say"),
            **answers,
        }

    def plan(self, goal: str) -> Plan:
        answer = self.answers.get(goal) or self.answers.get("other") or InputError("what?", hint="say")
        if isinstance(answer, InputError):
            raise answer
        return answer() if callable(answer) else answer


def check(**answers: Plan | InputError | Callable[[], Plan]) -> None:
    check_planner(lambda: Fake(**answers), SENTENCES, workloads={"wan_transfer", "udp_bursts"})


def test_a_good_planner_passes() -> None:
    """A plan, choices, and errors for everything else, hostile input included."""
    check()


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (replace(GOOD, picks=PICKS[:2]), "2 knobs"),
        (replace(GOOD, picks=(*PICKS, PICKS[0])), "picked twice"),
        (replace(GOOD, picks=(replace(PICKS[0], reason=" "), *PICKS[1:])), "no reason"),
        (replace(GOOD, picks=(replace(PICKS[0], source=""), *PICKS[1:])), "no source"),
        (replace(GOOD, picks=(replace(PICKS[0], low=9, high=1), *PICKS[1:])), "is not below"),
        (replace(GOOD, picks=(replace(PICKS[0], values=(1, 2)), *PICKS[1:])), "both values and bounds"),
        (replace(GOOD, hints=(Hint({"net.core.knob0": 10}, "r"),)), "outside its pick"),
        (replace(GOOD, hints=(Hint({"net.core.other": 5}, "r"),)), "not picked"),
        (replace(GOOD, hints=(Hint({}, "r"),)), "without values"),
        (replace(GOOD, hints=GOOD.hints * 4), "4 hints"),
        (replace(GOOD, budget=Budget(0, 10.0)), "allows nothing"),
        (replace(GOOD, objective=replace(GOOD.objective, smallest_gain=0.0)), "no fraction"),
        (replace(GOOD, guards=(Guard("throughput", Direction.MAXIMIZE, 0.9, "r"),)), "objective itself"),
        (replace(GOOD, guards=(Guard("loss", Direction.MINIMIZE, 0.0, "r"),)), "no limit"),
        (replace(GOOD, goal="something else"), "goal is"),
        (replace(GOOD, workload=WorkloadChoice("unheard")), "not registered"),
        (replace(GOOD, workload=WorkloadChoice("wan_transfer", {"command": "rm"})), "did not give"),
        (replace(GOOD, target_options={"rtt_ms": {1, 2}}), "not plain JSON"),
        (replace(GOOD, target_options={"rtt_ms": (1, 2)}), "through JSON"),
        (replace(GOOD, planner="file"), "who planned it"),
    ],
)
def test_a_bad_plan_is_named(plan: Plan, fault: str) -> None:
    """Each broken promise about a plan is seen."""
    with pytest.raises(AssertionError, match=fault):
        check(clear=plan)


def test_a_planner_that_changes_its_mind_is_named() -> None:
    """The same sentence must give the same plan."""
    seeds = iter(range(100))

    with pytest.raises(AssertionError, match="two plans"):
        check(clear=lambda: replace(GOOD, seed=next(seeds)))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (GOOD, "a silent guess"),
        (InputError("what?", hint="say"), "no choices"),
        (UnclearGoal("one", [("wan_transfer", "why")], hint="say"), "two or three"),
        (UnclearGoal("two", [("wan_transfer", "why"), ("wan_transfer", "why")], hint="say"), "two or three"),
        (UnclearGoal("two", [("wan_transfer", ""), ("udp_bursts", "why")], hint="say"), "without a reason"),
        (UnclearGoal("two", [("unheard", "why"), ("udp_bursts", "why")], hint="say"), "not registered"),
        (UnclearGoal("two", [("wan_transfer", "why"), ("udp_bursts", "why")]), "without a hint"),
    ],
)
def test_a_bad_answer_to_an_unclear_sentence_is_named(answer: Plan | InputError, fault: str) -> None:
    """No guess, no error without choices, no useless choices."""
    with pytest.raises(AssertionError, match=fault):
        check(unclear=answer)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (GOOD, "a silent guess"),
        (InputError("what?"), "without a hint"),
        (InputError("what? " * 200, hint="say"), "repeats"),
        (UnclearGoal("two", [("wan_transfer", "why"), ("udp_bursts", "why")], hint="say"), "something else"),
    ],
)
def test_a_bad_answer_to_nonsense_is_named(answer: Plan | InputError, fault: str) -> None:
    """Foreign and hostile sentences get a short error with a hint."""
    with pytest.raises(AssertionError, match=fault) as caught:
        check(other=answer)

    assert len(str(caught.value).splitlines()) == 1 + len(HOSTILE)


def test_all_broken_promises_are_named_at_once() -> None:
    """One run shows everything."""
    with pytest.raises(AssertionError) as caught:
        check(clear=replace(GOOD, picks=PICKS[:2], planner=""), unclear=GOOD)

    assert len(str(caught.value).splitlines()) == 3


def test_the_good_plan_is_good() -> None:
    """The fixture itself has no fault."""
    assert list(plan_faults(GOOD)) == []
