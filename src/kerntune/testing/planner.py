"""What every planner must do, as one check that outsiders can run on their own planner too."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from kerntune.errors import InputError, KerntuneError, UnclearGoal
from kerntune.interfaces import Planner
from kerntune.model.knob import Value
from kerntune.model.plan import Pick, Plan

FEWEST_PICKS, MOST_PICKS = 3, 8
MOST_HINTS = 3
HOSTILE = (
    "",
    " \t\n ",
    "x" * 10_000,
    "word " * 2_000,
    "\x00\x1b[31m",
    "{}",
    "'; DROP TABLE plans; --",
    "🦆" * 40,
)


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences the planner under test should answer with a plan, with choices, and with an error."""

    clear: tuple[str, ...]
    unclear: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def check_planner(make: Callable[[], Planner], sentences: Sentences, *, workloads: Collection[str]) -> None:
    """Checks a planner against the seam's promises.

    `make` returns a fresh planner each time it is called; `workloads` are the registered names.

    Raises:
        AssertionError: all broken promises, one a line, each with the sentence it was seen at.
    """
    broken = [
        *(fault for goal in sentences.clear for fault in _at(goal, _clear_faults(make, goal, workloads))),
        *(
            fault
            for goal in sentences.unclear
            for fault in _at(goal, _unclear_faults(make(), goal, workloads))
        ),
        *(
            fault
            for goal in (*sentences.foreign, *HOSTILE)
            for fault in _at(goal, _foreign_faults(make(), goal))
        ),
    ]
    if broken:
        raise AssertionError("\n".join(broken))


def plan_faults(plan: Plan) -> Iterator[str]:
    """Yields what is wrong with a plan in itself, whoever made it and whatever the catalogue holds."""
    names = [pick.knob for pick in plan.picks]
    if not FEWEST_PICKS <= len(names) <= MOST_PICKS:
        yield f"{len(names)} knobs, {FEWEST_PICKS} to {MOST_PICKS} are wanted"
    if len(set(names)) != len(names):
        yield "a knob is picked twice"
    for pick in plan.picks:
        yield from _pick_faults(pick)
    yield from _hint_faults(plan)
    if not 0 < plan.objective.smallest_gain < 1:
        yield f"smallest gain {plan.objective.smallest_gain} is no fraction"
    if plan.budget.trials < 1 or plan.budget.time_s <= 0:
        yield f"the budget {plan.budget} allows nothing"
    if any(guard.limit <= 0 or not guard.reason for guard in plan.guards):
        yield "a guard has no limit or no reason"
    if any(guard.metric == plan.objective.metric for guard in plan.guards):
        yield "a guard watches the objective itself"


def _clear_faults(make: Callable[[], Planner], goal: str, workloads: Collection[str]) -> Iterator[str]:
    planner = make()
    try:
        plan = planner.plan(goal)
    except KerntuneError as error:
        yield f"no plan: {error}"
        return
    if not plan == planner.plan(goal) == make().plan(goal):
        yield "two plans for one sentence"
    if plan.goal.split() != goal.split():
        yield f"the plan's goal is {plan.goal!r}"
    if plan.workload.name not in workloads:
        yield f"workload {plan.workload.name!r} is not registered"
    if "command" in plan.workload.options:
        yield "it starts a command that the user did not give"
    if not plan.planner or plan.planner == "file":
        yield "it does not say who planned it"
    yield from plan_faults(plan)
    yield from _json_faults(plan)


def _unclear_faults(planner: Planner, goal: str, workloads: Collection[str]) -> Iterator[str]:
    try:
        plan = planner.plan(goal)
    except UnclearGoal as error:
        names = [name for name, _ in error.choices]
        if not 2 <= len(names) <= 3 or len(set(error.choices)) != len(names):
            yield f"two or three different choices are wanted, not {names}"
        if strangers := set(names) - set(workloads):
            yield f"choices that are not registered: {sorted(strangers)}"
        if not all(why for _, why in error.choices):
            yield "a choice without a reason"
        if not error.hint:
            yield "an error without a hint"
    except KerntuneError as error:
        yield f"no choices: {error}"
    else:
        yield f"a silent guess: {plan.workload.name}"


def _foreign_faults(planner: Planner, goal: str) -> Iterator[str]:
    try:
        plan = planner.plan(goal)
    except UnclearGoal:
        yield "choices for a sentence about something else"
    except InputError as error:
        if not error.hint:
            yield "an error without a hint"
        if len(str(error)) > 500:
            yield "the error repeats a very long sentence"
    else:
        yield f"a silent guess: {plan.workload.name}"


def _pick_faults(pick: Pick) -> Iterator[str]:
    if not pick.reason.strip():
        yield f"{pick.knob} has no reason"
    if not pick.source.strip():
        yield f"{pick.knob} has no source"
    if pick.low is not None and pick.high is not None and pick.low >= pick.high:
        yield f"{pick.knob}: low {pick.low} is not below high {pick.high}"
    if pick.values and (pick.low is not None or pick.high is not None):
        yield f"{pick.knob} has both values and bounds"


def _hint_faults(plan: Plan) -> Iterator[str]:
    if len(plan.hints) > MOST_HINTS:
        yield f"{len(plan.hints)} hints, {MOST_HINTS} at most"
    picks = {pick.knob: pick for pick in plan.picks}
    for hint in plan.hints:
        if not hint.reason.strip() or not hint.config:
            yield f"a hint without a reason or without values: {hint}"
        for name, value in hint.config.items():
            if name not in picks:
                yield f"a hint turns {name}, which is not picked"
            elif not _allows(picks[name], value):
                yield f"a hint puts {name} to {value}, outside its pick"


def _allows(pick: Pick, value: Value) -> bool:
    if pick.values:
        return value in pick.values
    if pick.low is None and pick.high is None:
        return True
    inside = isinstance(value, int)
    inside = inside and (pick.low is None or int(value) >= pick.low)
    return inside and (pick.high is None or int(value) <= pick.high)


def _json_faults(plan: Plan) -> Iterator[str]:
    for name, options in (("workload", plan.workload.options), ("target", plan.target_options)):
        try:
            same = json.loads(json.dumps(dict(options), allow_nan=False)) == dict(options)
        except (TypeError, ValueError) as error:
            yield f"{name} options are not plain JSON: {error}"
        else:
            if not same:
                yield f"{name} options change on their way through JSON"


def _at(goal: str, faults: Iterator[str]) -> Iterator[str]:
    short = goal if len(goal) <= 60 else goal[:59] + "…"
    return (f"{short!r}: {fault}" for fault in faults)
