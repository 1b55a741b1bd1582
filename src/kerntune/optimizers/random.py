"""Uniform random search: what every other optimizer has to beat."""

from collections.abc import Mapping, Sequence

import numpy as np

from kerntune.encoding import Point, Task
from kerntune.interfaces import NOTHING
from kerntune.optimizers.starts import Starts, refuse_options


class Random:
    """Draws points uniformly and independently, and learns nothing."""

    def __init__(self, task: Task) -> None:
        refuse_options(task, "random")
        self._cube = task.cube
        self._starts = Starts(task)
        self._generator = np.random.default_rng(task.seed)

    def ask(self) -> Point:
        """Returns the next starting point, then random ones."""
        return self._starts.next() or self._cube.snapped(self._generator.random(len(self._cube)).tolist())

    def tell(self, point: Sequence[float], score: float, telemetry: Mapping[str, float] = NOTHING) -> None:
        """Takes a score and forgets it."""
