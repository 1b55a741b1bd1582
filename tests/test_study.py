"""The study from end to end, on a simulated rig whose truth is known."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from kerntune.encoding import Encoding, Task
from kerntune.errors import KerntuneError, RunFailed
from kerntune.interfaces import MetricSpec
from kerntune.model.knob import Choice, Config, Knob, Range, Risk, Rollback, Scope
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Budget, Direction, Hint, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.space import Dimension, Space
from kerntune.model.trial import Ending, Event, Note, PairDone, Result, Stage, Trial, TrialDone
from kerntune.model.verdict import Outcome
from kerntune.optimizers.random import Random
from kerntune.search import Brief
from kerntune.study import study
from kerntune.testing.simulation import SimulatedRig, no_effect, steady

OBJECTIVE = Objective("speed", Direction.MAXIMIZE, smallest_gain=0.02)


def knob(name: str, domain: Range | Choice) -> Knob:
    return Knob(name, "sysctl", "/x", domain, Scope.NETNS, Risk.R1, Rollback.EXACT, "m", "s", "tcp")


SPACE = Space(
    (
        Dimension(knob("a", Range(1, 1000, log=True)), Range(1, 1000, log=True), 10),
        Dimension(knob("b", Choice((0, 1))), Choice((0, 1)), 0),
        Dimension(knob("c", Range(0, 9)), Range(0, 9), 5),
    )
)


def brief(trials: int = 8, time_s: float = 10_000.0, ceiling: float | None = None) -> Brief:
    plan = Plan(
        goal="test",
        workload=WorkloadChoice("simulation"),
        objective=OBJECTIVE,
        picks=tuple(Pick(name, "why", "where") for name in "abc"),
        hints=(Hint({"a": 500}, "larger"),),
        budget=Budget(trials, time_s),
        optimizer="random",
    )
    return Brief(plan, SPACE, MetricSpec("speed", "1/s", Direction.MAXIMIZE, ceiling))


def rig(truth: Callable[[Config], float], noise: float = 0.01, seed: int = 1) -> SimulatedRig:
    return SimulatedRig(truth, steady(noise), random.Random(seed), objective=OBJECTIVE)


def optimizer(seed: int = 3) -> Random:
    encoding = Encoding(SPACE)
    return Random(Task(encoding.cube, (encoding.encode({**SPACE.default, "a": 500}),), seed))


def carried_out(task: Brief, machine: object, past: Sequence[Trial] = ()) -> tuple[list[Event], Result]:
    events = list(study(task, machine, optimizer(), past=past))
    assert isinstance(events[-1], Result)
    return events, events[-1]


def trials_of(events: Sequence[Event]) -> list[Trial]:
    return [event.trial for event in events if isinstance(event, TrialDone)]


def large_a(config: Config) -> float:
    return 0.5 if int(config["a"]) > 100 else 0.0


def test_a_true_gain_is_found_confirmed_and_reduced_to_its_cause():
    """One knob of three matters: it is the only one recommended, with fresh pairs behind it."""
    events, result = carried_out(brief(), rig(large_a))

    assert result.verdict.outcome is Outcome.BETTER
    assert result.verdict.low < 0.5 < result.verdict.high
    assert set(result.minimal_config) == {"a"}
    assert int(result.minimal_config["a"]) > 100
    assert result.baseline == pytest.approx(100, rel=0.05)
    assert result.best == pytest.approx(150, rel=0.05)
    assert next(trial.comparison.stage for trial in trials_of(events)) is Stage.AUDIT
    assert result.trials == len(trials_of(events))
    assert result.noise is not None


@pytest.mark.parametrize("seed", range(5))
def test_knobs_that_do_nothing_end_undecided(seed: int):
    """The luckiest of many noisy runs is no gain."""
    _, result = carried_out(brief(), rig(no_effect, noise=0.05, seed=seed))

    assert result.verdict.outcome in {Outcome.UNDECIDED, Outcome.WORSE}
    assert result.minimal_config == {}


def test_hints_are_tried_first():
    """The first trial of the search is the plan's first hint, and says so."""
    events, _ = carried_out(brief(), rig(large_a))

    first = next(trial for trial in trials_of(events) if trial.comparison.stage is Stage.SEARCH)
    assert first.comparison.origin == "hint 1"
    assert first.comparison.candidate["a"] == 500


def test_no_config_is_measured_twice_in_the_search():
    """Asked for the same config again, the optimizer is told what is known."""
    events, _ = carried_out(brief(trials=40), rig(no_effect))

    tried = [
        tuple(sorted(trial.comparison.candidate.items()))
        for trial in trials_of(events)
        if trial.comparison.stage is Stage.SEARCH
    ]
    assert len(tried) == len(set(tried))


def test_the_search_stops_at_the_physical_limit():
    """When the link is full there is nothing left to find."""
    events, result = carried_out(brief(trials=40, ceiling=150.0), rig(large_a, noise=0.001))

    searched = [trial for trial in trials_of(events) if trial.comparison.stage is Stage.SEARCH]
    assert result.ending is Ending.CEILING
    assert len(searched) == 1
    assert result.verdict.outcome is Outcome.BETTER


def test_the_search_stops_when_more_is_unlikely():
    """After many trials without a better one the rest of the budget is not burnt."""
    events, result = carried_out(brief(trials=500), rig(large_a))

    assert result.ending is Ending.UNLIKELY
    assert len(trials_of(events)) < 100


def test_time_is_kept_for_the_confirmation():
    """A small time budget ends the search early enough to confirm what it found."""
    machine = rig(large_a)
    task = brief(trials=1000, time_s=300.0)
    steps = study(task, machine, optimizer())
    events = list(steps)

    assert isinstance(events[-1], Result)
    stages = {trial.comparison.stage for trial in trials_of(events)}
    assert Stage.CONFIRM in stages


@dataclass
class BrokenRig:
    """Works for a number of pairs, then raises the same error again and again."""

    works: int
    error: BaseException
    inner: SimulatedRig = field(default_factory=lambda: rig(large_a))

    def sample(self, config: Config) -> Sample:
        return self.inner.sample(config)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        if self.works <= 0:
            raise self.error
        self.works -= 1
        return self.inner.pair(candidate, reference, reference_first=reference_first)


@pytest.mark.parametrize("works", [0, 6])
def test_three_failures_in_a_row_end_the_study(works: int):
    """Whether at once or in the middle of the search; nothing is claimed."""
    error: KerntuneError = RunFailed("gone", kind="exit", tail="no such file")
    events, result = carried_out(brief(), BrokenRig(works, error))

    assert result.ending is Ending.FAILURES
    assert result.verdict.outcome is Outcome.INVALID
    assert result.failures == 3
    assert [trial.failure is not None for trial in trials_of(events)][-3:] == [True] * 3


@pytest.mark.parametrize("works", [0, 2, 5, 9, 14, 18])
def test_an_interrupt_ends_cleanly_with_what_was_learnt(works: int):
    """Wherever it comes, the last event is a result, and it is honest about what was confirmed."""
    events, result = carried_out(brief(), BrokenRig(works, KeyboardInterrupt()))

    assert result.ending is Ending.INTERRUPTED
    confirmed = [trial for trial in trials_of(events) if trial.comparison.stage is Stage.CONFIRM]
    assert (result.verdict.outcome is Outcome.BETTER) == bool(confirmed)


def test_an_interrupt_thrown_in_ends_cleanly_too():
    """A stop request reaches the study between two events."""
    steps = study(brief(), rig(large_a), optimizer())
    while not isinstance(next(steps), PairDone):
        pass

    result = steps.throw(KeyboardInterrupt())

    assert isinstance(result, Result)
    assert result.ending is Ending.INTERRUPTED


@pytest.mark.parametrize("kept", [0, 1, 3, 6, 9])
def test_a_resumed_study_goes_on_where_it_was(kept: int):
    """Trials that are stored are not measured again, and the whole is as long as it would have been."""
    events, whole = carried_out(brief(), rig(large_a))
    past = trials_of(events)[:kept]
    machine = rig(large_a, seed=2)

    resumed_events, result = carried_out(brief(), machine, past)

    resumed = trials_of(resumed_events)
    assert resumed[:kept] == past
    assert [event.replayed for event in resumed_events if isinstance(event, TrialDone)][:kept] == [
        True
    ] * kept
    measured = sum(len(trial.measurement.pairs) for trial in resumed[kept:])
    warmups = sum(len(trial.measurement.warmups) for trial in resumed[kept:])
    assert machine.runs == 2 * measured + warmups
    assert result.verdict.outcome is whole.verdict.outcome is Outcome.BETTER


def test_notes_come_first_and_stand_in_the_result():
    """What was left out is said before anything is measured, and again at the end."""
    events = list(study(brief(), rig(large_a), optimizer(), notes=["left out x: not here"]))

    assert events[0] == Note("left out x: not here")
    assert isinstance(events[-1], Result)
    assert "left out x: not here" in events[-1].notes
