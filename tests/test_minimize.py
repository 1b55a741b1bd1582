"""Minimizing: what matters stays, the rest goes, and what is recommended was confirmed itself."""

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from kerntune.confirm import confirm
from kerntune.desk import Desk
from kerntune.errors import HandError
from kerntune.judge import racing
from kerntune.minimize import Minimized, importance, minimize
from kerntune.model.knob import Choice, Config, Constraint, Knob, Range, Risk, Rollback, Scope
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Direction, Objective
from kerntune.model.space import Dimension, Space
from kerntune.model.trial import Comparison, Event, Note, Stage, Trial
from kerntune.model.verdict import Noise, Outcome
from kerntune.testing.simulation import SimulatedRig, Truth, gains_of, steady

SPEED = Objective("speed", Direction.MAXIMIZE, smallest_gain=0.02)
QUIET = Noise(run_to_run=0.01, drift=0.0, detectable=0.02, pairs=6)
T = TypeVar("T")


def dimension(name: str) -> Dimension:
    domain = Range(0, 100)
    knob = Knob(name, "sysctl", "/x", domain, Scope.NETNS, Risk.R1, Rollback.EXACT, "m", "s", "tcp")
    return Dimension(knob, domain, present=10)


SPACE = Space(tuple(dimension(name) for name in "abcdef"))
ALL: Config = dict.fromkeys("abcdef", 90)


def finished(steps: Generator[Event, None, T]) -> tuple[list[Event], T]:
    events: list[Event] = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return events, stop.value


@dataclass
class Bench:
    """A simulated machine, its desk, and the candidate confirmed on it."""

    truth: Truth
    noise: float = 0.01
    seed: int = 1
    time_s: float = float("inf")
    candidate: Config = field(default_factory=lambda: ALL)
    space: Space = SPACE

    def __post_init__(self) -> None:
        self.rig = SimulatedRig(self.truth, steady(self.noise), random.Random(self.seed), objective=SPEED)
        self.desk = Desk(self.rig, clock=self.rig.clock, seed=self.seed, time_s=self.time_s)
        self.audited = replace(QUIET, run_to_run=self.noise)

    def searched(self, candidates: int) -> None:
        rng = random.Random(self.seed)
        for _ in range(candidates):
            config = {name: rng.randint(0, 100) for name in self.space.default}
            comparison = Comparison(Stage.SEARCH, config, self.space.default, "random")
            finished(self.desk.trial(comparison, racing(SPEED, self.audited)))

    def confirmed(self) -> Trial:
        steps = confirm(self.desk, SPEED, self.candidate, self.space.default, self.audited)
        return finished(steps)[1]

    def minimized(self, confirmed: Trial) -> tuple[list[Event], Minimized]:
        return finished(minimize(self.desk, SPEED, self.space, confirmed, self.audited))


def outcome(found: Minimized) -> Outcome:
    return found.trial.verdict.outcome


def knobs_that(gains: Mapping[str, float]) -> Truth:
    return gains_of(gains, SPACE.default)


def test_one_knob_of_six_is_found_in_a_dozen_pairs():
    """The search's trials say where to look: one comparison drops five knobs, six pairs confirm the one."""
    bench = Bench(lambda config: 2.4 * (config["d"] > 50))
    bench.searched(15)
    confirmed = bench.confirmed()
    before = bench.rig.runs
    _, found = bench.minimized(confirmed)

    assert SPACE.changed(found.config) == {"d": 90}
    assert found.dropped == ("a", "b", "c", "e", "f")
    assert found.complete
    assert (bench.rig.runs - before) / 2 <= 12


def test_the_recommendation_rests_on_pairs_of_its_own():
    """The verdict is that of the reduced config against the default, on fresh pairs, not the candidate's."""
    bench = Bench(knobs_that({"b": 0.5}))
    confirmed = bench.confirmed()
    _, found = bench.minimized(confirmed)

    assert found.trial is bench.desk.trials[-1] is not confirmed
    assert found.trial.comparison.candidate == found.config == {**SPACE.default, "b": 90}
    assert found.trial.comparison.reference == SPACE.default
    assert found.trial.comparison.stage is Stage.CONFIRM
    assert outcome(found) is Outcome.BETTER


@pytest.mark.parametrize("seed", range(5))
def test_all_knobs_that_matter_stay(seed):
    """Three of six with different shares, and nothing known from a search: none of them is lost."""
    bench = Bench(knobs_that({"b": 0.30, "c": 0.10, "f": 0.20}), seed=seed)
    _, found = bench.minimized(bench.confirmed())

    assert set(SPACE.changed(found.config)) == {"b", "c", "f"}
    assert found.trial.verdict.gain == pytest.approx(1.3 * 1.1 * 1.2 - 1, abs=0.05)


def test_knobs_that_only_work_together_stay_together():
    """Neither buffer helps without the other; no subset is measured twice."""
    bench = Bench(lambda config: 2.0 * (config["a"] > 50 and config["e"] > 50))
    bench.searched(40)
    _, found = bench.minimized(bench.confirmed())

    drops = [trial.comparison for trial in bench.desk.trials if trial.comparison.stage is Stage.MINIMIZE]
    tried = [tuple(comparison.candidate.items()) for comparison in drops]
    assert set(SPACE.changed(found.config)) == {"a", "e"}
    assert len(set(tried)) == len(tried)


def test_small_losses_cannot_add_up():
    """Six knobs of 1.5 % each: every one is below the smallest gain, all of them are not."""
    bench = Bench(knobs_that(dict.fromkeys("abcdef", 0.015)), noise=0.002)
    _, found = bench.minimized(bench.confirmed())

    drops = [trial for trial in bench.desk.trials if trial.comparison.stage is Stage.MINIMIZE]
    assert found.trial.verdict.gain > (1.015**6 - 1) / 2
    assert drops
    assert all(trial.comparison.reference == ALL for trial in drops)


def test_a_single_knob_needs_nothing_more():
    """There is nothing to drop: no pair is spent, the confirmation stands."""
    bench = Bench(knobs_that({"a": 0.5}), candidate={**SPACE.default, "a": 90})
    confirmed = bench.confirmed()
    events, found = bench.minimized(confirmed)

    assert events == []
    assert found == Minimized({**SPACE.default, "a": 90}, confirmed)


def test_without_time_the_confirmed_config_stands_and_the_user_is_told():
    """The six pairs of the confirmation used up the budget."""
    bench = Bench(knobs_that({"a": 0.5}), time_s=60.0)
    confirmed = bench.confirmed()
    events, found = bench.minimized(confirmed)

    assert outcome(found) is Outcome.BETTER
    assert found.config == ALL
    assert not found.complete
    assert found.notes == ("not enough time to find out which of a, b, c, d, e, f matter",)
    assert events == [Note(found.notes[0])]


def test_the_time_of_the_last_confirmation_is_kept_back():
    """With time for a few pairs only, something is dropped and what is left is confirmed all the same."""
    bench = Bench(knobs_that({"a": 0.5}), time_s=6 * (6 + 4 + 7))
    bench.searched(0)
    _, found = bench.minimized(bench.confirmed())

    assert SPACE.changed(found.config) == {"a": 90}
    assert outcome(found) is Outcome.BETTER
    assert bench.desk.left_s >= 0


@dataclass
class Scripted:
    """A simulated rig whose truth changes once a number of pairs is over."""

    rig: SimulatedRig
    change: Callable[[SimulatedRig], None]
    after: int
    pairs: int = 0

    def clock(self) -> float:
        return self.rig.clock()

    def sample(self, config: Config) -> Sample:
        return self.rig.sample(config)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        self.pairs += 1
        if self.pairs > self.after:
            self.change(self.rig)
        return self.rig.pair(candidate, reference, reference_first=reference_first)


def test_what_is_left_falls_back_when_it_is_not_confirmed():
    """Dropping looked harmless, but the rest alone shows no gain: the candidate stands as confirmed."""
    calm = Bench(lambda config: 0.5 if config == ALL or config["a"] == 90 else 0.0)
    confirmed = calm.confirmed()

    def deceive(rig: SimulatedRig) -> None:
        rig._truth = lambda config: 0.0

    rig = Scripted(calm.rig, deceive, after=2)
    calm.desk._rig = rig
    events, found = calm.minimized(confirmed)

    assert rig.pairs > 2
    assert found.config == ALL
    assert found.trial is confirmed
    assert not found.complete
    assert "was not confirmed: they stay" in found.notes[-1]
    assert Note(found.notes[-1]) in events


@dataclass
class Refusing:
    """A rig on which only the whole candidate can be applied."""

    rig: SimulatedRig
    refused: int = 0

    def sample(self, config: Config) -> Sample:
        return self.rig.sample(config)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        self.refused += 1
        msg = "EINVAL"
        raise HandError(msg, knob="a")


def test_three_refusals_in_a_row_end_it_without_loss():
    """A subset that the kernel refuses cannot be recommended; the candidate can."""
    bench = Bench(knobs_that({"a": 0.5}))
    confirmed = bench.confirmed()
    bench.desk._rig = refusing = Refusing(bench.rig)
    _, found = bench.minimized(confirmed)

    assert refusing.refused == 3
    assert found.notes == ("too many failures to find out which of a, b, c, d, e, f matter",)
    assert found.config == ALL
    assert found.trial is confirmed
    assert not found.complete


def test_subsets_that_break_an_order_are_not_tried():
    """The buffer's default may not exceed its maximum, so it is never kept without it."""
    space = replace(SPACE, constraints=(Constraint("order", ("a", "b"), "default ≤ max"),))
    bench = Bench(knobs_that({"a": 0.5}), space=space)
    _, found = bench.minimized(bench.confirmed())

    assert SPACE.changed(found.config) == {"a": 90, "b": 90}
    assert all(t.comparison.candidate["a"] <= t.comparison.candidate["b"] for t in bench.desk.trials)


def test_importance_points_at_the_cause():
    """Of twenty random trials, those beyond a threshold of one knob were faster."""
    bench = Bench(lambda config: 2.4 * (config["e"] > 40))
    bench.searched(20)
    weights = importance(bench.desk.trials, SPACE, ALL)

    assert max(weights, key=weights.get) == "e"
    assert weights["e"] > 0.9
    assert all(0 <= weight <= 1 for weight in weights.values())


def test_importance_knows_words_too():
    """A congestion control is a category: its own word against all others."""
    domain = Choice(("cubic", "reno", "bbr"))
    control = replace(dimension("a").knob, name="cc", domain=domain)
    space = Space((Dimension(control, domain, "cubic"), dimension("b")))
    rig = SimulatedRig(lambda c: 0.5 * (c["cc"] == "bbr"), steady(0.01), random.Random(1), objective=SPEED)
    desk = Desk(rig, clock=rig.clock, seed=1)
    for word, number in [("reno", 90), ("bbr", 20), ("cubic", 80), ("bbr", 70), ("reno", 5)]:
        comparison = Comparison(Stage.SEARCH, {"cc": word, "b": number}, space.default, "random")
        finished(desk.trial(comparison, racing(SPEED, QUIET)))
    weights = importance(desk.trials, space, {"cc": "bbr", "b": 90})

    assert weights["cc"] > 0.9 > weights["b"]


def test_importance_of_nothing_tried_is_nothing():
    """Without trials every knob is as likely as every other."""
    assert importance([], SPACE, ALL) == dict.fromkeys("abcdef", 0.0)
