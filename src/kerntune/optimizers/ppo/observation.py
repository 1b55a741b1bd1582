"""What the policy sees of a search: for each slot where it stands, what was tried there and how that went.

Everything is relative to the incumbent and of order one, whatever the knobs, the metric and the budget.
"""

from dataclasses import dataclass

import numpy as np

from kerntune.optimizers.ppo.layout import Array, Layout, Words

FEATURES = 25

PLACES = np.linspace(0.0, 1.0, 11)
"""Where the scores along a line are smoothed, with a Gaussian kernel of this width:"""
WIDTH = 0.12


@dataclass(frozen=True, slots=True)
class History:
    """What was told so far, for a batch of searches; the first point is the default, or the first told."""

    points: Array  # (batch, n, axes), n >= 1
    scores: Array  # (batch, n)
    telemetry: Array  # (batch, 2): mean and root mean square of the incumbent's log ratios
    trials: int  # the number of trials of the whole search
    dice: Array  # (batch, axes + 1): fresh normal numbers, by which the policy can single out knobs

    @property
    def incumbent(self) -> Array:
        """Returns the best point of each search, (batch, axes)."""
        best = self.scores.argmax(axis=1)
        incumbent: Array = self.points[np.arange(len(best)), best]
        return incumbent


@dataclass(frozen=True, slots=True)
class _Told:
    """Scores made comparable: `height` is standardized and bounded below, `elite` weighs the best most."""

    height: Array  # (batch, n)
    elite: Array  # (batch, n), sums to 1
    failed: Array  # (batch,) share of scores far below the others


def observe(layout: Layout, history: History) -> Array:
    """Returns the observations (batch, slots, FEATURES)."""
    told = _told(history.scores)
    seen = np.zeros((len(history.scores), layout.slots, FEATURES))
    if layout.lines:
        seen[:, : len(layout.lines), :14] = _lines(layout, history, told)
    for words in layout.words:
        seen[:, words.cells, :14] = _cells(layout, words, history, told)
    seen[:, :, 14:] = _whole(history, told)[:, None, :]
    return np.clip(seen, -5.0, 5.0)


def _told(scores: Array) -> _Told:
    n = scores.shape[1]
    middle, top = np.median(scores, axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    floor = middle - 2.0 * (top - middle) - 0.1
    bounded = np.maximum(scores, floor)
    spread = bounded.std(axis=1, keepdims=True) + 0.02
    height = (bounded - bounded.mean(axis=1, keepdims=True)) / spread
    ranks = (-scores).argsort(axis=1).argsort(axis=1)
    elite = np.exp(-ranks / (0.12 * n + 0.5))
    return _Told(height, elite / elite.sum(axis=1, keepdims=True), (scores < floor).mean(axis=1))


def _lines(layout: Layout, history: History, told: _Told) -> Array:
    """Returns the features of lines and ordered axes, (batch, lines, 14)."""
    points = history.points[:, :, layout.lines]  # (batch, n, lines)
    n = points.shape[1]
    best, default = history.incumbent[:, layout.lines], points[:, 0]
    elite = np.einsum("bn,bnl->bl", told.elite, points)
    elite_spread = np.sqrt(np.einsum("bn,bnl->bl", told.elite, (points - elite[:, None]) ** 2))
    mean, spread = points.mean(axis=1), points.std(axis=1)
    slope = np.einsum("bn,bnl->bl", told.height, points - mean[:, None]) / n / (spread + 0.05)
    smooth = _smoothed(points, told.height)  # (batch, lines, places)
    here = np.abs(best[..., None] - PLACES).argmin(axis=2)[..., None]
    top = smooth.argmax(axis=2)
    rise = smooth.max(axis=2) - np.take_along_axis(smooth, here, axis=2)[..., 0]
    ones = np.ones_like(best)
    cell = np.divide(1.0, layout.levels, out=np.zeros_like(layout.levels), where=layout.levels > 0)
    columns = [
        ones,
        0 * ones,
        2 * best - 1,
        2 * (default - best),
        2 * (elite - best),
        4 * elite_spread,
        2 * (mean - best),
        4 * spread,
        slope * n / (n + 3),
        2 * (PLACES[top] - best),
        rise,
        np.ptp(smooth, axis=2),
        cell * ones,
        history.dice[:, layout.lines],
    ]
    return np.stack(columns, axis=2)


def _smoothed(points: Array, height: Array) -> Array:
    """Returns the mean height around each of `PLACES`, drawn towards 0 where few points are."""
    near = np.exp(-((points[..., None] - PLACES) ** 2) / (2 * WIDTH**2))  # (batch, n, lines, places)
    smooth: Array = np.einsum("bn,bnlp->blp", height, near) / (near.sum(axis=1) + 1.0)
    return smooth


def _cells(layout: Layout, words: Words, history: History, told: _Told) -> Array:
    """Returns the features of the cells of a word axis, (batch, cells, 14)."""
    stands = np.eye(words.levels)[layout.cell(words, history.points)]  # (batch, n, cells)
    best = np.eye(words.levels)[layout.cell(words, history.incumbent)]
    count = stands.sum(axis=1)
    mean = np.einsum("bn,bnc->bc", told.height, stands) / (count + 1.0)
    at_best = (mean * best).sum(axis=1, keepdims=True)
    zeros = np.zeros_like(mean)
    columns = [
        zeros,
        zeros + 1.0,
        2 * best - 1,
        2 * stands[:, 0] - 1,
        2 * (np.einsum("bn,bnc->bc", told.elite, stands) - 1 / words.levels),
        count / stands.shape[1],
        zeros,
        zeros,
        mean,
        zeros,
        mean - at_best,
        1 / np.sqrt(1 + count),
        zeros + 1 / words.levels,
        zeros + history.dice[:, [words.axis]],
    ]
    return np.stack(columns, axis=2)


def _whole(history: History, told: _Told) -> Array:
    """Returns the features of the search as a whole, (batch, FEATURES - 14)."""
    batch, n = history.scores.shape
    best = history.scores.argmax(axis=1)
    gain = history.scores.max(axis=1) - history.scores[:, 0]
    ones = np.ones(batch)
    columns = [
        history.dice[:, -1],
        ones * min(n / max(history.trials, 1), 1.5),
        ones * np.log(max(history.trials, 1)) / 5,
        ones * np.log(history.points.shape[2]) / 3,
        ones * np.log1p(n) / 4,
        told.height.max(axis=1) / 2,
        gain * 5,
        (n - 1 - best) / 10,
        told.failed,
        history.telemetry[:, 0],
        history.telemetry[:, 1],
    ]
    return np.stack(columns, axis=1)
