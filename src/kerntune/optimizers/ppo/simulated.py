"""Simulated searches that a policy is trained on: batches of random surfaces over one cube, tabulated.

They share no code with `kerntune.testing.surfaces`, on which optimizers are compared: no policy is trained on
what it is judged by. `ridges` is held out of training too: it decides which checkpoint is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from kerntune.encoding import Axis, Cube
from kerntune.optimizers.ppo.layout import Array, Facts, Layout

TABLE = 48
"""Each axis is tabulated at so many places."""

PENALTY = np.log(2)
"""A failed run scores this much below the worst that did not fail, as in a study."""

Family = Callable[[int, np.random.Generator], Array]
"""Returns the merits, 0 to 1, of the places along so many axes: (axes, TABLE)."""


def tents(count: int, generator: np.random.Generator) -> Array:
    """One best place, falling off in straight lines, at a pace of its own on each side."""
    places = _places()
    top = generator.uniform(0, 1, (count, 1))
    left, right = generator.uniform(0.1, 1.2, (2, count, 1))
    away = np.where(places < top, (top - places) / left, (places - top) / right)
    return np.asarray(np.maximum(0.0, 1 - away))


def steps(count: int, generator: np.random.Generator) -> Array:
    """Two to five plateaus of random heights."""
    edges = np.sort(generator.uniform(0, 1, (count, 4)), axis=1)
    heights = generator.uniform(0, 1, (count, 5))
    plateau = (_places()[:, :, None] > edges[:, None, :]).sum(axis=2)  # (count, TABLE)
    return np.take_along_axis(heights, plateau, axis=1)


def waves(count: int, generator: np.random.Generator) -> Array:
    """A sum of three sines: smooth, with more than one hill."""
    pace = generator.uniform(0.3, 2.0, (3, count, 1))
    phase = generator.uniform(0, 2 * np.pi, (3, count, 1))
    size = generator.exponential(size=(3, count, 1))
    return np.asarray((size * np.sin(2 * np.pi * pace * _places() + phase)).sum(axis=0))


def ramps(count: int, generator: np.random.Generator) -> Array:
    """Up or down all the way, fast at first or at last."""
    up = np.broadcast_to(_places(), (count, TABLE)) ** np.exp(generator.uniform(-1.5, 1.5, (count, 1)))
    return np.where(generator.random((count, 1)) < 0.5, up, 1 - up)


FAMILIES: tuple[Family, ...] = (tents, steps, waves, ramps)


class Known(Protocol):
    """What a policy is trained on: a batch of surfaces whose truth is known. Shapes as in `Surfaces`."""

    @property
    def layout(self) -> Layout:
        """Returns the slots of their cube."""

    @property
    def noise(self) -> Array:
        """Returns the standard deviations of a run's log gain."""

    @property
    def default(self) -> Array:
        """Returns the points that scores are relative to."""

    @property
    def starts(self) -> Array:
        """Returns the points that are tried first."""

    @property
    def scale(self) -> Array:
        """Returns the log gains that count as 1."""

    def height(self, points: Array) -> tuple[Array, Facts]:
        """Returns the true log heights of points (batch, axes), and where runs fail."""


@dataclass(frozen=True, slots=True)
class Surfaces:
    """A batch of surfaces over one cube, with a default and starting points for each."""

    layout: Layout
    tables: Array  # (batch, axes, TABLE), weighted
    pairs: Array  # (batch, axes, axes), weights of joint effects
    bend: Array  # (batch, axes): the slope of a ridge, all 0 but in the held-out family
    broken: Array  # (batch, 2, 3): axis, lowest and highest place where runs fail
    noise: Array  # (batch,)
    default: Array  # (batch, axes)
    starts: Array  # (batch, count, axes)
    scale: Array  # (batch,): the log gain that counts as 1

    def height(self, points: Array) -> tuple[Array, Facts]:
        """Returns the true heights of points (batch, axes), and where runs fail."""
        rows, axes = np.arange(len(points))[:, None], np.arange(points.shape[1])
        merit = self.tables[rows, axes, np.minimum((points * TABLE).astype(np.int64), TABLE - 1)]
        joint = np.einsum("bi,bij,bj->b", merit, self.pairs, merit)
        ridge = -((self.bend * (points - self.default)).sum(axis=1) ** 2)
        where = points[rows, self.broken[:, :, 0].astype(np.int64)]
        inside = (where >= self.broken[:, :, 1]) & (where <= self.broken[:, :, 2])
        return merit.sum(axis=1) + joint + ridge, np.asarray(inside.all(axis=1))


def surfaces(
    layout: Layout, batch: int, generator: np.random.Generator, families: Sequence[Family]
) -> Surfaces:
    """Returns random surfaces of the families, mixed axis by axis; some have no effect at all."""
    axes = len(layout.cube)
    merits = np.stack([_merits(layout, generator, families) for _ in range(batch)])
    weights = generator.exponential(size=(batch, axes)) ** generator.integers(1, 4, (batch, 1))
    pairs = np.triu(generator.exponential(size=(batch, axes, axes)) ** 2, 1)
    pairs *= generator.random(pairs.shape) < generator.choice([0.0, 0.7], (batch, 1, 1)) / max(axes - 1, 1)
    total = weights.sum(axis=1) + pairs.sum(axis=(1, 2))
    headroom = generator.uniform(0.1, 1.2, batch) * (generator.random(batch) > 0.05)
    unit = headroom / total
    tables = merits * (weights * unit[:, None])[:, :, None]
    joint = _joint(pairs * unit[:, None, None], weights * unit[:, None])
    default = _best_of(layout, tables, int(generator.choice([1, 1, 1, 2, 4])), generator)
    starts = _hints(layout, tables, default, generator)
    noise = generator.uniform(0.02, 0.08, batch)
    bend = np.zeros((batch, axes))
    scale = np.maximum(headroom, 0.05)
    return Surfaces(
        layout, tables, joint, bend, _broken(axes, batch, generator), noise, default, starts, scale
    )


def ridges(layout: Layout, batch: int, generator: np.random.Generator) -> Surfaces:
    """Returns surfaces of the held-out family: a bent hill that no axis follows alone."""
    axes = len(layout.cube)
    made = surfaces(layout, batch, generator, (_humps,))
    bend = generator.standard_normal((batch, axes)) * 0.5 / np.sqrt(axes)
    bend[:, [words.axis for words in layout.words]] = 0.0
    return replace(made, bend=bend)


def cubes(generator: np.random.Generator) -> Cube:
    """Returns a random cube of 2 to 16 axes, of the kinds that kernels have."""
    count = int(generator.integers(2, 17))
    kinds = (Axis(), Axis(), Axis(), Axis(2), Axis(8), Axis(3, ordered=False), Axis(4, ordered=False))
    return Cube(tuple(kinds[int(generator.integers(len(kinds)))] for _ in range(count)))


def _places() -> Array:
    return ((np.arange(TABLE) + 0.5) / TABLE)[None, :]


def _humps(count: int, generator: np.random.Generator) -> Array:
    top, width = generator.uniform(0, 1, (count, 1)), generator.uniform(0.1, 0.5, (count, 1))
    return np.exp(-(((_places() - top) / width) ** 2))


def _merits(layout: Layout, generator: np.random.Generator, families: Sequence[Family]) -> Array:
    """Returns the merits of one surface, (axes, TABLE), each axis from 0 to 1."""
    axes = len(layout.cube)
    made = np.stack([family(axes, generator) for family in families])
    merits = made[generator.integers(len(families), size=axes), np.arange(axes)]
    for words in layout.words:
        cells = generator.uniform(0, 1, words.levels)
        merits[words.axis] = cells[(_places()[0] * words.levels).astype(np.int64)]
    low, high = merits.min(axis=1, keepdims=True), merits.max(axis=1, keepdims=True)
    return np.asarray((merits - low) / np.maximum(high - low, 1e-6))


def _joint(pairs: Array, weights: Array) -> Array:
    """Returns the weights of products of weighted merits, so that each pair gains what it should at best."""
    return pairs / np.maximum(weights[:, :, None] * weights[:, None, :], 1e-6)


def _best_of(layout: Layout, tables: Array, count: int, generator: np.random.Generator) -> Array:
    """Returns for each surface the best, axis by axis together, of some random points."""
    batch, axes = tables.shape[:2]
    points = layout.snapped(generator.random((count, batch, axes)))
    cells = np.minimum((points * TABLE).astype(np.int64), TABLE - 1)
    heights = np.take_along_axis(tables[None], cells[..., None], axis=3)[..., 0].sum(axis=2)
    return np.asarray(points[heights.argmax(axis=0), np.arange(batch)])


def _hints(layout: Layout, tables: Array, default: Array, generator: np.random.Generator) -> Array:
    """Returns none or three starting points; some are right on most axes, some on none and misleading."""
    batch, axes = default.shape
    count = int(generator.choice([0, 0, 3]))
    best = layout.snapped(
        ((tables.argmax(axis=2) + 0.5) / TABLE)[:, None] + 0.1 * _normal(batch, count, axes, generator)
    )
    wrong = layout.snapped(generator.random((batch, count, axes)))
    right = generator.random((batch, count, axes)) < generator.uniform(0, 0.8, (batch, 1, 1))
    moved = generator.random((batch, count, axes)) < generator.uniform(0, 0.5, (batch, 1, 1))
    return np.where(right, best, np.where(moved, wrong, default[:, None]))


def _normal(batch: int, count: int, axes: int, generator: np.random.Generator) -> Array:
    return generator.standard_normal((batch, count, axes))


def _broken(axes: int, batch: int, generator: np.random.Generator) -> Array:
    """Returns boxes, at the low or the high end of two axes, in which runs fail; half of them are empty."""
    broken = np.zeros((batch, 2, 3))
    broken[:, :, 0] = generator.integers(axes, size=(batch, 2))
    edge = generator.uniform(0.5, 0.95, (batch, 2))
    high = generator.random((batch, 2)) < 0.5
    broken[:, :, 1] = np.where(high, edge, -1.0)
    broken[:, :, 2] = np.where(high, 2.0, 1 - edge)
    broken[generator.random(batch) < 0.5, 0, 1] = 3.0
    return broken
