"""A simulated rig: a machine made of numbers whose true gains are known. For tests and benchmarks only.

Nothing here runs a program or measures anything: it shows whether the judges find what is there, no more.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping

from kerntune.model.knob import Config
from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction, Objective

Disturbance = Callable[[random.Random], Iterator[float]]
"""Starts a noise: an endless row of log factors, one for each run in its order."""

Truth = Callable[[Config], float]
"""The true gain of a config over the default, as a fraction: 0.05 is 5 % better."""


class SimulatedRig:
    """A rig whose configs have known true gains, seen through a noise.

    Args:
        truth: The true gain of each config.
        disturbance: The noise of successive runs.
        rng: Draws the noise.
        objective: The metric the samples carry, and its direction.
        run_s: How long a run takes on the simulated clock.
    """

    def __init__(
        self,
        truth: Truth,
        disturbance: Disturbance,
        rng: random.Random,
        *,
        objective: Objective,
        run_s: float = 3.0,
    ) -> None:
        self.runs = 0
        self._truth = truth
        self._disturbances = disturbance(rng)
        self._objective = objective
        self._run_s = run_s

    def clock(self) -> float:
        """Returns the simulated time in seconds: a desk is given this method as its clock."""
        return self.runs * self._run_s

    def sample(self, config: Config) -> Sample:
        """Returns the numbers of one simulated run."""
        log_gain = math.log1p(self._truth(config)) + next(self._disturbances)
        sign = 1 if self._objective.direction is Direction.MAXIMIZE else -1
        metric = Metric(
            self._objective.metric, 100 * math.exp(sign * log_gain), "1/s", self._objective.direction
        )
        started_at = self.clock()
        self.runs += 1
        return Sample((metric,), wall_s=self._run_s, started_at=started_at)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        """Returns the numbers of two successive simulated runs."""
        if reference_first:
            before = self.sample(reference)
            return Pair(before, self.sample(candidate), reference_first=True)
        before = self.sample(candidate)
        return Pair(self.sample(reference), before, reference_first=False)


def no_effect(config: Config) -> float:
    """Returns the truth about knobs that do nothing: no gain, whatever the config."""
    return 0.0 * len(config)


def gains_of(gains: Mapping[str, float], default: Config) -> Truth:
    """Returns a truth in which each knob has its own gain as soon as it leaves its default, multiplied up."""

    def truth(config: Config) -> float:
        moved = [gain for name, gain in gains.items() if config[name] != default[name]]
        return math.prod(1 + gain for gain in moved) - 1

    return truth


def steady(share: float) -> Disturbance:
    """Returns normal noise with a standard deviation of `share`."""

    def runs(rng: random.Random) -> Iterator[float]:
        while True:
            yield rng.gauss(0, share)

    return runs


def wandering(width: float, step: float, share: float = 0.01) -> Disturbance:
    """Returns a baseline that walks at random within ±`width`/2, about `step` from run to run."""

    def runs(rng: random.Random) -> Iterator[float]:
        level = rng.uniform(-width / 2, width / 2)
        while True:
            level += rng.gauss(0, step)
            while abs(level) > width / 2:  # reflected at the ends
                level = math.copysign(width, level) - level
            yield level + rng.gauss(0, share)

    return runs


def swinging(width: float, shortest: float, longest: float, share: float = 0.01) -> Disturbance:
    """Returns a baseline that swings within ±`width`/2, its period drawn between two numbers of runs."""

    def runs(rng: random.Random) -> Iterator[float]:
        turn = 2 * math.pi / math.exp(rng.uniform(math.log(shortest), math.log(longest)))
        phase = rng.uniform(0, 2 * math.pi)
        while True:
            yield width / 2 * math.sin(phase) + rng.gauss(0, share)
            phase += turn

    return runs


def heavy_tailed(share: float) -> Disturbance:
    """Returns Student noise with two degrees of freedom, scaled by `share`: its variance is infinite."""

    def runs(rng: random.Random) -> Iterator[float]:
        while True:
            yield share * rng.gauss(0, 1) / math.sqrt(rng.expovariate(1.0))

    return runs


def with_outliers(share: float, factor: float, probability: float) -> Disturbance:
    """Returns normal noise in which some runs are slower by `factor`."""

    def runs(rng: random.Random) -> Iterator[float]:
        while True:
            slow = math.log(factor) if rng.random() < probability else 0.0
            yield rng.gauss(0, share) - slow

    return runs


def bimodal(share: float, distance: float) -> Disturbance:
    """Returns runs that fall into one of two modes, `distance` apart in log, by a coin."""

    def runs(rng: random.Random) -> Iterator[float]:
        while True:
            yield distance * (rng.random() < 0.5) + rng.gauss(0, share)

    return runs
