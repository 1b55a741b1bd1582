"""The starting points of a search: handed out first, in order, by every optimizer."""

from collections import deque
from collections.abc import Sequence

from kerntune.encoding import Cube, Point


class Starts:
    """A queue of starting points, snapped to the cube.

    Raises:
        KerntuneBug: one of them is not a point of the cube.
    """

    def __init__(self, cube: Cube, start: Sequence[Sequence[float]]) -> None:
        self._left = deque(cube.snapped(point) for point in start)

    def next(self) -> Point | None:
        """Returns the next starting point, None when all were handed out."""
        return self._left.popleft() if self._left else None
