"""The confirmation: fresh pairs, through the desk, and honest when it cannot decide."""

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from kerntune.confirm import confirm
from kerntune.desk import Desk
from kerntune.errors import RunFailed
from kerntune.judge import racing
from kerntune.model.knob import Config
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Direction, Objective
from kerntune.model.trial import Comparison, Event, FailureKind, Stage, Trial
from kerntune.model.verdict import Noise, Outcome
from kerntune.testing.simulation import SimulatedRig, bimodal, gains_of, steady, swinging

SPEED = Objective("speed", Direction.MAXIMIZE, smallest_gain=0.02)
DEFAULT: Config = {"net.core.somaxconn": 4096}
CANDIDATE: Config = {"net.core.somaxconn": 65535}
T = TypeVar("T")


def noise_of(share: float) -> Noise:
    return Noise(run_to_run=share, drift=0.0, detectable=0.02, pairs=6)


def rig_with(gain: float, disturbance=None, *, seed: int = 1, objective: Objective = SPEED) -> SimulatedRig:
    truth = gains_of({"net.core.somaxconn": gain}, DEFAULT)
    return SimulatedRig(truth, disturbance or steady(0.03), random.Random(seed), objective=objective)


def finished(steps: Generator[Event, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def confirmed(rig, *, seed: int = 1, time_s: float = float("inf"), objective: Objective = SPEED) -> Trial:
    desk = Desk(rig, clock=rig.clock, seed=seed, time_s=time_s)
    return finished(confirm(desk, objective, CANDIDATE, DEFAULT, noise_of(0.03)))


@dataclass
class Breaking:
    """A simulated rig whose fourth pair fails."""

    rig: SimulatedRig
    pairs: int = 0

    def clock(self) -> float:
        return self.rig.clock()

    def sample(self, config: Config) -> Sample:
        return self.rig.sample(config)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        self.pairs += 1
        if self.pairs == 4:
            msg = "exit status 1"
            raise RunFailed(msg, kind="exit")
        return self.rig.pair(candidate, reference, reference_first=reference_first)


@pytest.mark.parametrize("direction", Direction)
def test_a_true_gain_is_confirmed_in_either_direction(direction):
    """+10 % throughput and a tenth off the latency: the interval holds the truth."""
    objective = Objective("speed", direction, smallest_gain=0.02)
    trial = confirmed(rig_with(0.10, objective=objective), objective=objective)

    assert trial.verdict.outcome is Outcome.BETTER
    assert trial.verdict.low < 0.10 < trial.verdict.high
    assert trial.comparison == Comparison(Stage.CONFIRM, CANDIDATE, DEFAULT, "winner of the search")


def test_five_percent_at_three_percent_noise_is_found_in_four_of_five():
    """The promise of the design, on forty confirmations; the benchmark does five hundred."""
    found = [confirmed(rig_with(0.05, seed=seed), seed=seed).verdict for seed in range(40)]

    assert sum(verdict.outcome is Outcome.BETTER for verdict in found) >= 32
    assert max(verdict.pairs for verdict in found) <= 25


def test_a_loss_is_worse():
    """The winner of a search can be a loser."""
    assert confirmed(rig_with(-0.10)).verdict.outcome is Outcome.WORSE


def test_the_lucky_pairs_of_the_search_are_not_counted():
    """The desk knows of three wonderful pairs; the confirmation starts from nothing."""
    rig = rig_with(0.0)
    desk = Desk(rig, clock=rig.clock, seed=1)
    lucky = rig_with(2.4)
    rule = racing(SPEED, noise_of(0.03))
    past = finished(Desk(lucky, seed=1).trial(Comparison(Stage.SEARCH, CANDIDATE, DEFAULT, "tpe"), rule))
    desk.trials.append(past)
    trial = finished(confirm(desk, SPEED, CANDIDATE, DEFAULT, noise_of(0.03)))

    assert past.verdict.gain > 2
    assert len(trial.measurement.pairs) == trial.verdict.pairs == rig.runs // 2
    assert trial.verdict.outcome is not Outcome.BETTER


def test_time_that_runs_out_leaves_it_undecided():
    """Three pairs of a huge gain are shown for what they are: 75 % sure."""
    verdict = confirmed(rig_with(2.4), time_s=18.0).verdict

    assert (verdict.outcome, verdict.pairs, verdict.confidence) == (Outcome.UNDECIDED, 3, 0.75)
    assert 2 < verdict.low <= verdict.gain <= verdict.high < 3


def test_a_failed_run_is_a_failure_and_not_a_verdict():
    """Nothing is claimed from the pairs before it."""
    trial = confirmed(Breaking(rig_with(2.4)))

    assert trial.verdict is None
    assert trial.failure.kind is FailureKind.EXIT


@pytest.mark.parametrize("disturbance", [swinging(0.3, 3.8, 4.2), bimodal(0.01, 0.3)], ids=["swing", "modes"])
def test_no_effect_is_hardly_ever_better_in_ugly_noise(disturbance):
    """A baseline that swings every four runs, or has two modes, passes for no effect: at most 5 %."""
    found = [confirmed(rig_with(0.0, disturbance, seed=seed), seed=seed).verdict for seed in range(60)]

    assert sum(verdict.outcome is Outcome.BETTER for verdict in found) <= 3
