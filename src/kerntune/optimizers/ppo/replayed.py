"""A study that was carried out, as a surface to train on: its trials, smoothed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerntune.encoding import Cube, Point
from kerntune.errors import InputError
from kerntune.optimizers.ppo.layout import Array, Facts, Layout

REACH = 0.25
"""Trials tell about points up to so far from them along each axis (one standard deviation of the kernel)."""

FEWEST = 10
"""A surface cannot be made of fewer trials."""

DOUBT = 0.1
"""The ridge added to the kernel: how little a single trial is believed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A batch of equal surfaces: kernel ridge regression of the scores of a study's trials.

    It knows nothing away from the trials, and returns to their mean there; nothing fails on it.
    """

    layout: Layout
    points: Array  # (trials, axes)
    weights: Array  # (trials,)
    mean: float
    noise: Array  # (batch,)
    default: Array  # (batch, axes)
    starts: Array  # (batch, 0, axes)
    scale: Array  # (batch,)

    def height(self, points: Array) -> tuple[Array, Facts]:
        """Returns the heights of points (batch, axes), and that none of them fails."""
        near = _near(self.layout, points, self.points)
        return self.mean + near @ self.weights, np.zeros(len(points), dtype=bool)


def replayed(cube: Cube, trials: Sequence[tuple[Point, float]], batch: int) -> Replayed:
    """Returns a batch of surfaces like the one that a study's trials, the default first, have seen.

    Raises:
        InputError: there are too few trials.
    """
    if len(trials) < FEWEST:
        msg = f"cannot train on {len(trials)} trials: a surface needs {FEWEST}"
        raise InputError(msg, hint="use a longer study, or train on simulated surfaces")
    layout = Layout(cube)
    points = np.array([cube.snapped(point) for point, _ in trials])
    scores = np.array([score for _, score in trials])
    scores = np.maximum(scores, np.median(scores) - 2 * np.ptp(scores[scores >= np.median(scores)]) - 0.05)
    near = _near(layout, points, points)
    mean = float(scores.mean())
    weights = np.linalg.solve(near + DOUBT * np.eye(len(points)), scores - mean)
    left = scores - mean - near @ weights
    ones = np.ones(batch)
    scale = max(float((near @ weights).max() + mean - scores[0]), 0.05)
    default = np.repeat(points[:1], batch, axis=0)
    none = np.empty((batch, 0, len(cube)))
    return Replayed(layout, points, weights, mean, ones * max(left.std(), 0.01), default, none, ones * scale)


def _near(layout: Layout, one: Array, other: Array) -> Array:
    """Returns how alike points are, 1 if equal: by distance on lines, by sameness on word axes."""
    away = ((one[:, None, layout.lines] - other[None, :, layout.lines]) ** 2).sum(axis=2) / (2 * REACH**2)
    for words in layout.words:
        away = away + (layout.cell(words, one)[:, None] != layout.cell(words, other)[None, :])
    return np.asarray(np.exp(-away))
