"""The grid tries everything once, and refuses to when everything is too much."""

import pytest

from kerntune.encoding import Axis, Cube, Task
from kerntune.errors import InputError
from kerntune.optimizers.grid import LARGEST, Grid, grid_of


def test_every_point_comes_once_before_any_comes_twice():
    """A full pass holds each cell of each axis, and the ends of the continuous one."""
    grid = Grid(Task(Cube((Axis(), Axis(2))), seed=3))

    asked = [grid.ask() for _ in range(10)]

    assert sorted(asked) == [(x, y) for x in (0.0, 0.25, 0.5, 0.75, 1.0) for y in (0.25, 0.75)]


def test_a_second_pass_begins_with_the_best():
    """Once everything was tried, the best are measured again first, untold ones last."""
    grid = Grid(Task(Cube((Axis(4),)), seed=3))
    for point in [grid.ask() for _ in range(4)][:3]:
        grid.tell(point, -abs(point[0] - 0.6))
        grid.tell(point, -abs(point[0] - 0.6) - 0.1)

    again = [grid.ask() for _ in range(4)]

    assert again[:3] == sorted(again[:3], key=lambda point: abs(point[0] - 0.6))
    assert len(set(again)) == 4


@pytest.mark.parametrize(("axes", "levels"), [(1, 5), (3, 5), (4, 4), (5, 3)])
def test_continuous_axes_get_as_many_levels_as_fit(axes, levels):
    """Five levels where there is room, three at least, the corners always among them."""
    points = grid_of(Cube((Axis(),) * axes))

    assert len(points) == levels**axes <= LARGEST
    assert (0.0,) * axes in points
    assert (1.0,) * axes in points


def test_a_grid_that_would_be_too_large_is_refused():
    """The error says how large it would be, the hint what to do instead."""
    with pytest.raises(InputError, match="8 knobs has 6561 points") as caught:
        Grid(Task(Cube((Axis(),) * 8)))
    assert "--optimizer auto" in caught.value.hint
