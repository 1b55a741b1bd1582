"""The conformance suite finds what it is there to find."""

import math
from dataclasses import replace

import numpy as np
import pytest

from kerntune.encoding import Task
from kerntune.interfaces import NOTHING
from kerntune.optimizers.starts import refuse_options
from kerntune.testing import optimizer as suite


class Draws:
    """Honest random search, to be broken in one way by each subclass."""

    def __init__(self, task: Task):
        refuse_options(task, "draws")
        self.cube = task.cube
        self.left = [task.cube.snapped(point) for point in task.start]
        self.generator = np.random.default_rng(task.seed)

    def ask(self):
        if self.left:
            return self.left.pop(0)
        return self.cube.snapped(self.generator.random(len(self.cube)).tolist())

    def tell(self, point, score, telemetry=NOTHING):
        pass


class Outside(Draws):
    def ask(self):
        return tuple(coordinate + 0.01 for coordinate in super().ask())


class ForgetsStarts(Draws):
    def __init__(self, task):
        super().__init__(replace(task, start=()))


class Unseeded(Draws):
    def __init__(self, task):
        super().__init__(replace(task, seed=None))


class Rigid(Draws):
    def __init__(self, task):
        super().__init__(replace(task, seed=0))


class OwnPointsOnly(Draws):
    def __init__(self, task):
        super().__init__(task)
        self.asked = []

    def ask(self):
        self.asked.append(super().ask())
        return self.asked[-1]

    def tell(self, point, score, telemetry=NOTHING):
        self.asked.remove(point)


class ScoresOnly(Draws):
    def tell(self, point, score):
        pass


class TakesAnyOption(Draws):
    def __init__(self, task):
        super().__init__(replace(task, options={}))


class TakesSquareRoots(Draws):
    def tell(self, point, score, telemetry=NOTHING):
        math.sqrt(score + 100)


class StopsWithoutProgress(Draws):
    def __init__(self, task):
        super().__init__(task)
        self.stuck = None

    def ask(self):
        return self.stuck or super().ask()

    def tell(self, point, score, telemetry=NOTHING):
        if score == 0.0:
            self.stuck = point


class Corner(Draws):
    def ask(self):
        return self.cube.snapped([0.9 + coordinate / 10 for coordinate in super().ask()])


@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__)
def test_an_honest_random_search_passes(check):
    """As good as random is good enough."""
    check(Draws)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (suite.asks_inside_every_cube, Outside),
        (suite.asks_the_starting_points_first, ForgetsStarts),
        (suite.repeats_itself_under_a_seed, Unseeded),
        (suite.repeats_itself_under_a_seed, Rigid),
        (suite.takes_foreign_points, OwnPointsOnly),
        (suite.takes_telemetry, ScoresOnly),
        (suite.refuses_unknown_options, TakesAnyOption),
        (suite.survives_penalties, TakesSquareRoots),
        (suite.survives_constant_scores, StopsWithoutProgress),
        (suite.is_no_worse_than_random, Corner),
    ],
)
def test_each_broken_promise_is_found(check, broken):
    """Every check goes red on an optimizer that breaks just its promise."""
    with pytest.raises((AssertionError, ValueError, TypeError)):
        check(broken)
