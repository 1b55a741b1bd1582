"""Full factorial search, for the few small cubes where trying everything is cheaper than being clever."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from kerntune.encoding import Axis, Cube, Point, Task
from kerntune.errors import InputError
from kerntune.interfaces import NOTHING
from kerntune.optimizers.starts import Starts, refuse_options

LARGEST = 256
"""A grid of more points than this is refused."""


class Grid:
    """Asks every point of a grid once, in random order; after that all of them again, best mean score first.

    Axes with cells are tried at each cell; continuous ones at 5, 4 or 3 levels, ends included: as many as
    keep the grid within `LARGEST` points. The order is random because budgets end early.

    Raises:
        InputError: even 3 levels are too many.
    """

    def __init__(self, task: Task) -> None:
        refuse_options(task, "grid")
        cube = task.cube
        self._cube = cube
        self._starts = Starts(task)
        self.points = grid_of(cube)
        self._scores: dict[Point, list[float]] = {}
        order = np.random.default_rng(task.seed).permutation(len(self.points)).tolist()
        self._left: list[Point] = [self.points[index] for index in order]

    def ask(self) -> Point:
        """Returns the next starting point, then the grid's points, each once before any comes twice."""
        start = self._starts.next()
        if start is not None:
            return start
        if not self._left:
            self._left = sorted(self.points, key=self._mean)
        return self._left.pop()

    def tell(
        self,
        point: Sequence[float],
        score: float,
        telemetry: Mapping[str, float] = NOTHING,  # noqa: ARG002 - the seam's; it learns from scores alone
    ) -> None:
        """Takes a score: it decides the order in which the points are asked again."""
        self._scores.setdefault(self._cube.snapped(point), []).append(score)

    def _mean(self, point: Point) -> float:
        scores = self._scores.get(point)
        return sum(scores) / len(scores) if scores else -math.inf


def grid_of(cube: Cube) -> list[Point]:
    """Returns all points of the finest grid that is small enough.

    Raises:
        InputError: none is.
    """
    for levels in (5, 4, 3):
        sides = [_side(axis, levels) for axis in cube.axes]
        size = math.prod(map(len, sides))
        if size <= LARGEST:
            return list(itertools.product(*sides))
    msg = f"cannot try every config: a grid over {len(cube)} knobs has {size} points, more than {LARGEST}"
    raise InputError(msg, hint="use --optimizer auto, or leave knobs out of the plan")


def _side(axis: Axis, levels: int) -> list[float]:
    if axis.levels is None:
        return [index / (levels - 1) for index in range(levels)]
    return [(index + 0.5) / axis.levels for index in range(axis.levels)]
