"""What every optimizer promises, as checks that outsiders can run on theirs.

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_mine_keeps_the_promises(check):
    check(Mine)
"""

import math
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Protocol

import numpy as np

from kerntune.encoding import Axis, Cube, Point, Task
from kerntune.errors import InputError
from kerntune.interfaces import Optimizer

SEED = 7
ASKS = 20

MIXED = Cube((Axis(), Axis(3, ordered=False), Axis(4)))
LINE = Cube((Axis(),))
CUBES = {
    "one axis": LINE,
    "three mixed axes": MIXED,
    "a single cell beside a line": Cube((Axis(1), Axis())),
    "nothing to choose": Cube((Axis(1),)),
    "sixteen axes": Cube(tuple(Axis(levels) for levels in (None, 2, None, 8) * 4)),
    "words only": Cube((Axis(4, ordered=False), Axis(2, ordered=False), Axis(3, ordered=False))),
}


class Factory(Protocol):
    """How an optimizer is made: what plug-ins register under `kerntune.optimizers`."""

    def __call__(self, task: Task) -> Optimizer:
        """Returns an optimizer of the task's cube that asks the starting points first.

        Raises:
            InputError: it cannot search this cube, or not on this machine; with a hint.
        """


def asks_inside_every_cube(factory: Factory) -> None:
    """Every point has a coordinate in [0, 1] for each axis, in the middle of its cell where there are cells.

    An optimizer may refuse a cube (a grid that grows too large), but not the one with three mixed axes.
    """
    for name, cube in CUBES.items():
        try:
            optimizer = factory(Task(cube, seed=SEED))
        except InputError as error:
            _demand(bool(error.hint), f"it refuses {name} without a hint")
            _demand(cube is not MIXED, f"it refuses {name}")
            continue
        for point in _searched(optimizer, sum):
            _demand(point == cube.snapped(point), f"{point} is not a point of a cube with {name}")


def asks_the_starting_points_first(factory: Factory) -> None:
    """The starting points come first, in their order, moved to the middle of their cells."""
    start = ((0.1, 0.0, 0.99), (1.0, 0.5, 0.5), (0.0, 0.9, 0.1))
    optimizer = factory(Task(MIXED, start, SEED))
    asked = _searched(optimizer, lambda point: point[0], asks=len(start) + 1)
    _demand(asked[:3] == [MIXED.snapped(point) for point in start], f"it asked {asked[:3]} for {start}")


def repeats_itself_under_a_seed(factory: Factory) -> None:
    """The same seed and scores give the same points; another seed gives others."""
    first, again, other = (
        _searched(factory(Task(MIXED, ((0.2, 0.5, 0.5),), seed)), lambda point: -abs(point[0] - 0.6))
        for seed in (SEED, SEED, SEED + 1)
    )
    _demand(first == again, "the same seed gave other points")
    _demand(first != other, "another seed gave the same points")


def takes_foreign_points(factory: Factory) -> None:
    """Points it never asked, told first, between and twice, and asked points never told, are all taken."""
    optimizer = factory(Task(MIXED, seed=SEED))
    generator = np.random.default_rng(SEED)
    optimizer.tell((0.5, 0.5, 0.5), 0.0)
    for _ in range(ASKS):
        optimizer.ask()
        foreign = MIXED.snapped(generator.random(3).tolist())
        optimizer.tell(foreign, foreign[0])
        asked = optimizer.ask()
        optimizer.tell(asked, asked[0])
        optimizer.tell(asked, asked[0] + 0.05)
        _demand(asked == MIXED.snapped(asked), f"{asked} is not a point of the cube")


def takes_telemetry(factory: Factory) -> None:
    """Telemetry may come with a score or not, and under other names each time."""
    optimizer = factory(Task(MIXED, seed=SEED))
    for telemetry in (
        {},
        {"cpu_usage": 1.2, "io_wait": 0.0},
        {"io_wait": 1e9},
        {"server.Tcp.RetransSegs": 0.5},
    ):
        point = optimizer.ask()
        optimizer.tell(point, point[0], telemetry)
        optimizer.tell(point, point[0])
        _demand(point == MIXED.snapped(point), f"{point} is not a point of the cube")


def refuses_unknown_options(factory: Factory) -> None:
    """An option that it does not have is an error that names it, never silently left out."""
    try:
        factory(Task(MIXED, seed=SEED, options={"no_such_option": 1}))
    except InputError as error:
        _demand("no_such_option" in str(error) and bool(error.hint), f"the error does not help: {error}")
    else:
        _demand(False, "it took an option that no optimizer has")  # noqa: FBT003


def survives_penalties(factory: Factory) -> None:
    """Failures, told as scores far below all others, do not end the search, even if everything fails."""
    penalty = -1e3
    for limit in (0.5, 2.0):
        asked = _searched(
            factory(Task(MIXED, seed=SEED)), partial(_failing_below, limit=limit, penalty=penalty)
        )
        _demand(len(set(asked)) > 1, "it asked one point only")


def survives_constant_scores(factory: Factory) -> None:
    """A surface without any effect is searched like any other."""
    for cube in (LINE, MIXED):
        asked = _searched(factory(Task(cube, seed=SEED)), lambda _: 0.0)
        _demand(len(set(asked)) > 1, "it asked one point only")


def is_no_worse_than_random(factory: Factory) -> None:
    """On an easy hill its best of 20 points is, over 5 seeds, at least what uniform points reach.

    "Reach" is the lower quartile of 400 random searches: an optimizer as good as random passes too.
    """
    cube = Cube((Axis(), Axis(), Axis(3, ordered=False)))
    reached = [
        max(map(_hill, _searched(factory(Task(cube, seed=seed)), _hill))) for seed in range(SEED, SEED + 5)
    ]
    generator = np.random.default_rng(SEED)
    random = [
        max(_hill(cube.snapped(point)) for point in generator.random((ASKS, 3)).tolist()) for _ in range(400)
    ]
    floor = float(np.quantile(random, 0.25))
    _demand(median(reached) >= floor, f"it reaches {median(reached):.3f}, random search {floor:.3f}")


CHECKS: tuple[Callable[[Factory], None], ...] = (
    asks_inside_every_cube,
    asks_the_starting_points_first,
    repeats_itself_under_a_seed,
    takes_foreign_points,
    takes_telemetry,
    refuses_unknown_options,
    survives_penalties,
    survives_constant_scores,
    is_no_worse_than_random,
)
"""All promises; each raises AssertionError when an optimizer made by the factory breaks it."""


def _searched(optimizer: Optimizer, score: Callable[[Point], float], asks: int = ASKS) -> list[Point]:
    points = []
    for _ in range(asks):
        point = optimizer.ask()
        optimizer.tell(point, score(point))
        points.append(point)
    return points


def _failing_below(point: Point, limit: float, penalty: float) -> float:
    return penalty if point[0] < limit else point[0]


def _hill(point: Point) -> float:
    return -math.hypot(point[0] - 0.3, point[1] - 0.6) - abs(point[2] - 0.5)


def _demand(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - it is the fact
    if not fact:
        raise AssertionError(otherwise)
