"""CMA-ES with margin: moves a cloud of points uphill from the best start; pays from 50 runs on."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kerntune.encoding import Axis, Cube, Point, Task
from kerntune.interfaces import NOTHING
from kerntune.optimizers.starts import Starts, refuse_options

SIGMA = 0.25
"""The cloud's first standard deviation, in sides of the cube."""


class Cmaes:
    """Asks CMA-ES with margin, which keeps trying the neighbours of cells that look settled.

    The cloud begins around the best point told before it is first asked (starting points, the default), else
    in the middle of the cube. From then on it learns only from points that it asked, a generation at a time:
    somebody else's points are not from its distribution.

    Source: Hamano, Saito, Nomura, Shirakawa, "CMA-ES with Margin", GECCO 2022, arXiv:2205.13482.
    """

    def __init__(self, task: Task) -> None:
        refuse_options(task, "cmaes")
        self._cube = task.cube
        self._starts = Starts(task)
        self._seed = task.seed
        self._best: tuple[float, Point] | None = None
        self._cloud: Cloud | None = None

    def ask(self) -> Point:
        """Returns the next starting point, then points drawn from the cloud."""
        start = self._starts.next()
        if start is not None:
            return start
        if self._cloud is None:
            centre = self._best[1] if self._best else (0.5,) * len(self._cube)
            self._cloud = Cloud(self._cube, centre, self._seed)
        return self._cloud.ask()

    def tell(
        self,
        point: Sequence[float],
        score: float,
        telemetry: Mapping[str, float] = NOTHING,  # noqa: ARG002 - the seam's; it learns from scores alone
    ) -> None:
        """Takes the score of a point; a second telling of a point it asked is left out."""
        inside = self._cube.snapped(point)
        if self._cloud is not None:
            self._cloud.tell(inside, score)
        elif self._best is None or score > self._best[0]:
            self._best = score, inside


class Cloud:
    """The normal distribution that CMA-ES moves, over the cube's axes (a line gets a second, idle axis)."""

    def __init__(self, cube: Cube, centre: Sequence[float], seed: int) -> None:
        from cmaes import CMAwM  # noqa: PLC0415 - paid only by who searches with it

        idle = (Axis(),) * max(0, 2 - len(cube))
        axes = cube.axes + idle
        bounds = np.array([_bounds(axis) for axis in axes])
        mean = np.array([*centre, *(0.5 for _ in idle)])
        steps = np.array([_step(axis) for axis in axes])
        self._cube = cube
        self._cma = CMAwM(mean=mean, sigma=SIGMA, bounds=bounds, steps=steps, seed=seed)
        self._asked: dict[Point, NDArray[np.float64]] = {}
        self._generation: list[tuple[NDArray[np.float64], float]] = []

    def ask(self) -> Point:
        """Returns a point drawn from the cloud."""
        drawn, raw = self._cma.ask()
        point = self._cube.snapped(drawn[: len(self._cube)].tolist())
        self._asked[point] = raw
        return point

    def tell(self, point: Point, score: float) -> None:
        """Moves the cloud when a whole generation of its own points has been told."""
        raw = self._asked.pop(point, None)
        if raw is None:
            return
        self._generation.append((raw, -score))
        if len(self._generation) == self._cma.population_size:
            self._cma.tell(self._generation)
            self._generation = []


def _bounds(axis: Axis) -> tuple[float, float]:
    """Returns the middles of an axis's first and last cell, else the whole side."""
    if axis.levels in (None, 1):
        return 0.0, 1.0
    return 0.5 / axis.levels, 1.0 - 0.5 / axis.levels


def _step(axis: Axis) -> float:
    return 0.0 if axis.levels in (None, 1) else 1.0 / axis.levels
