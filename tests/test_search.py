"""What a search tells its optimizer: rewards and telemetry against the neighbours, penalties for failures."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from kerntune.desk import Desk
from kerntune.interfaces import MetricSpec
from kerntune.model.knob import Choice, Config, Knob, Risk, Rollback, Scope
from kerntune.model.measurement import Measurement, Metric, Pair, Sample
from kerntune.model.plan import Direction, Objective, Pick, Plan, Reward, WorkloadChoice
from kerntune.model.space import Dimension, Space
from kerntune.model.trial import Comparison, Failure, FailureKind, Stage, Trial
from kerntune.model.verdict import Noise, Outcome, Verdict
from kerntune.reward import EVEN, score
from kerntune.search import PENALTY, Brief, Searched, search
from kerntune.testing.simulation import SimulatedRig, steady

FAST = Objective("speed", Direction.MAXIMIZE)
DOMAIN = Choice(("slow", "fast", "steady"))
KNOB = Knob("k", "sysctl", "/x", DOMAIN, Scope.NETNS, Risk.R1, Rollback.EXACT, "m", "s", "tcp")
SPACE = Space((Dimension(KNOB, DOMAIN, "slow"),))
NOISE = Noise(0.01, 0.01, 0.01, 3)


def sample(speed: float, switches: float = 10.0) -> Sample:
    metric = Metric("speed", speed, "1/s", Direction.MAXIMIZE)
    return Sample((metric,), 1.0, telemetry={"sys.context_switches": switches})


def trial(references: Sequence[float], candidates: Sequence[float], gain: float) -> Trial:
    pairs = tuple(
        Pair(sample(one), sample(other, 20.0)) for one, other in zip(references, candidates, strict=True)
    )
    comparison = Comparison(Stage.SEARCH, {"k": "fast"}, {"k": "slow"}, "test")
    return Trial(1, comparison, Measurement(pairs), Verdict(Outcome.UNDECIDED, gain, 0.0, 0.0, len(pairs)))


FASTEST = trial([100, 100, 100], [135, 95, 116], 0.14)
STEADIEST = trial([100, 110, 90], [110, 110.5, 109.5], 0.10)


class Listener:
    """An optimizer that asks for one config after the other and keeps what it is told."""

    def __init__(self) -> None:
        self.points = iter([0.5, 0.9, 0.5])
        self.told: list[tuple[float, Mapping[str, float]]] = []

    def ask(self) -> tuple[float, ...]:
        return (next(self.points),)

    def tell(self, point: Sequence[float], score: float, telemetry: Mapping[str, float] = {}) -> None:
        self.told.append((score, telemetry))


class CountingRig(SimulatedRig):
    """A simulated machine whose tasks switch three times as often when it is fast."""

    def sample(self, config: Config) -> Sample:
        made = super().sample(config)
        return replace(made, telemetry={"sys.context_switches": 30.0 if config["k"] == "fast" else 10.0})


def searched(reward: Reward) -> tuple[Listener, Searched]:
    gains = {"slow": 0.0, "fast": 0.2, "steady": 0.1}
    rig = CountingRig(lambda config: gains[str(config["k"])], steady(0.0), random.Random(1), objective=FAST)
    plan = Plan("t", WorkloadChoice("x"), FAST, (Pick("k", "", ""),), reward=reward)
    plan = replace(plan, budget=replace(plan.budget, trials=3))
    optimizer, found = Listener(), Searched()
    brief = Brief(plan, SPACE, MetricSpec("speed", "1/s", Direction.MAXIMIZE))
    for _ in search(Desk(rig, clock=rig.clock), brief, optimizer, NOISE, found):
        pass
    return optimizer, found


@pytest.mark.parametrize("reward", [Reward(), EVEN])
def test_an_optimizer_is_told_rewards_with_telemetry_relative_to_the_neighbours(reward: Reward):
    """The default is 0 by definition; a config asked for again is told its score, nothing was counted."""
    optimizer, found = searched(reward)

    scores = [told for told, _ in optimizer.told]
    assert scores == pytest.approx([0.0] + [reward.performance * math.log(g) for g in (1.2, 1.1, 1.2)])
    assert [dict(telemetry) for _, telemetry in optimizer.told] == [
        {},
        {"sys.context_switches": 3.0},
        {"sys.context_switches": 1.0},
        {},
    ]
    assert found.best is not None
    assert found.best.comparison.candidate == {"k": "fast"}


def test_the_best_is_the_one_with_the_largest_reward():
    """By performance alone the erratic one is ahead; with stability in it the steady one is."""
    for reward, best in ((Reward(), FASTEST), (EVEN, STEADIEST)):
        found = Searched()
        for one in (STEADIEST, FASTEST):
            found.take(one, FAST, reward)
        assert found.best is best


def test_a_steady_loss_is_never_the_best():
    """The confirmation asks for a gain: what is steadier and slower would be worse there."""
    slower = trial([100, 120, 85], [97, 97, 97], -0.03)
    found = Searched()

    told = found.take(slower, FAST, EVEN)

    assert told == score(slower.measurement.pairs, FAST, EVEN) > 0
    assert found.best is None


def test_a_failure_scores_a_finite_penalty_below_the_worst():
    """Its number is the search's own; no number of the workload's stands for it."""
    found = Searched()
    worst = found.take(trial([100], [50], -0.5), FAST, EVEN)
    failed = replace(FASTEST, verdict=None, failure=Failure(FailureKind.EXIT, "exit status 1"))

    assert found.take(failed, FAST, EVEN) == pytest.approx(worst - PENALTY)


def test_a_config_that_all_but_stops_the_workload_has_a_finite_score():
    """Slower by more than a float's digits: the gain rounds to -100 %, whose logarithm there is none of."""
    found = Searched()
    stalled = trial([1e20], [1e-3], -1.0)

    assert found.take(stalled, FAST, Reward()) == pytest.approx(math.log(1e-23), rel=1e-6)
