"""Uniform random search: what every other optimizer has to beat."""

from collections.abc import Sequence

import numpy as np

from kerntune.encoding import Cube, Point
from kerntune.optimizers.starts import Starts


class Random:
    """Draws points uniformly and independently, and learns nothing."""

    def __init__(self, cube: Cube, start: Sequence[Sequence[float]] = (), seed: int = 0) -> None:
        self._cube = cube
        self._starts = Starts(cube, start)
        self._generator = np.random.default_rng(seed)

    def ask(self) -> Point:
        """Returns the next starting point, then random ones."""
        return self._starts.next() or self._cube.snapped(self._generator.random(len(self._cube)).tolist())

    def tell(self, point: Sequence[float], score: float) -> None:
        """Takes a score and forgets it."""
