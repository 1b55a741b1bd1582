"""CMA-ES begins at the best start and climbs from there."""

import math

import pytest

from kerntune.encoding import Axis, Cube, Task
from kerntune.optimizers.cmaes import SIGMA, Cmaes

PLANE = Cube((Axis(), Axis(), Axis()))


def far(point, centre):
    return math.dist(point, centre)


def test_the_cloud_begins_around_the_best_point_told():
    """Of the starting points and the default, the best one is the centre of the first draws."""
    optimizer = Cmaes(Task(PLANE, ((0.2, 0.2, 0.2), (0.8, 0.8, 0.8)), seed=2))
    optimizer.tell((0.5, 0.5, 0.5), 0.0)
    for score in (-1.0, 1.0):
        optimizer.tell(optimizer.ask(), score)

    drawn = [optimizer.ask() for _ in range(30)]

    middle = [sum(point[axis] for point in drawn) / len(drawn) for axis in range(3)]
    assert far(middle, (0.8, 0.8, 0.8)) < SIGMA


@pytest.mark.parametrize("together", [1, 7])
def test_it_climbs(together):
    """After some generations the draws are nearer to the top; several may be asked before any is told."""
    optimizer, top = Cmaes(Task(PLANE, seed=2)), (0.15, 0.7, 0.4)
    distances = []
    for _ in range(140 // together):
        points = [optimizer.ask() for _ in range(together)]
        for point in reversed(points):
            distances.append(far(point, top))
            optimizer.tell(point, -distances[-1])

    assert sum(distances[-14:]) < sum(distances[:14]) / 4


@pytest.mark.parametrize("levels", range(2, 60))
def test_a_start_on_the_cubes_corner_is_allowed(levels):
    """Hints often stand at the ends of their ranges, whatever the rounding of the last cell's middle."""
    optimizer = Cmaes(Task(Cube((Axis(), Axis(levels))), ((1.0, 1.0),), seed=2))
    optimizer.tell(optimizer.ask(), 0.5)

    assert all(0.0 <= coordinate <= 1.0 for coordinate in optimizer.ask())
