"""How the axes of a cube become slots of the net: one for a line, one for each cell of a word axis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kerntune.encoding import Cube

Array = NDArray[np.floating]
Facts = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Words:
    """An axis whose cells have no order: its place in the cube, and its cells among the slots."""

    axis: int
    cells: slice

    @property
    def levels(self) -> int:
        """Returns how many cells there are."""
        return int(self.cells.stop - self.cells.start)


class Layout:
    """The slots of a cube: all lines and ordered axes first, then the cells of each word axis.

    Axes of a single cell have no slot. `lines` are indices of axes; their slots are 0, 1, ...
    """

    def __init__(self, cube: Cube) -> None:
        axes = list(enumerate(cube.axes))
        self.cube = cube
        self.lines = [
            index for index, axis in axes if axis.levels is None or (axis.ordered and axis.levels > 1)
        ]
        self.words: list[Words] = []
        slots = len(self.lines)
        for index, axis in axes:
            if axis.levels is not None and axis.levels > 1 and not axis.ordered:
                self.words.append(Words(index, slice(slots, slots + axis.levels)))
                slots += axis.levels
        self.slots = slots
        self.levels = np.array([float(cube.axes[index].levels or 0) for index in self.lines])  # (lines,)

    def snapped(self, points: Array) -> Array:
        """Returns points, (batch, axes) or (batch, n, axes), in the middle of their cells."""
        levels = np.array([float(axis.levels or 0) for axis in self.cube.axes])
        cells = np.maximum(levels, 1.0)
        middles = (np.clip(np.floor(points * cells), 0, cells - 1) + 0.5) / cells
        return np.where(levels > 0, middles, np.clip(points, 0.0, 1.0))

    def cell(self, words: Words, points: Array) -> NDArray[np.int64]:
        """Returns the cell of a word axis that each point stands in."""
        places = np.floor(points[..., words.axis] * words.levels).astype(np.int64)
        return np.clip(places, 0, words.levels - 1)
