"""The policy: what the net's outputs mean.

A normal distribution around the incumbent for each line, on a symmetric box, folded back at its ends; a
choice among the cells of each word axis.
"""

from dataclasses import dataclass

import numpy as np

from kerntune.optimizers.ppo.layout import Array, Layout, Words

SPREAD = 0.35
"""Standard deviation of a line's first draws where the net says nothing, on the box from -1 to 1."""

NARROWEST, WIDEST = 0.02, 0.9
"""The spread stays within these, on the box from -1 to 1."""

SHIFT = 1.0
"""How far an output of 1 moves the mean from the incumbent, on the box from -1 to 1."""

STAYS = 1.0
"""The logit of a word axis's present cell, where the net says nothing."""

SHARPNESS = 2.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """What may be asked next, for a batch of searches."""

    layout: Layout
    mean: Array  # (batch, lines), on the box from -1 to 1
    log_spread: Array  # (batch, lines)
    free: Array  # (batch, lines, 2): 1 where a change of the mean's or the spread's output changes anything
    choice: tuple[Array, ...]  # log probability of each cell, (batch, cells), for each word axis

    def draw(self, generator: np.random.Generator) -> Array:
        """Returns raw actions, (batch, lines + word axes): places on the box, then indices of cells."""
        lines = self.mean + np.exp(self.log_spread) * generator.standard_normal(self.mean.shape)
        cells = [
            (logp + generator.gumbel(size=logp.shape)).argmax(axis=1)[:, None].astype(float)
            for logp in self.choice
        ]
        return np.concatenate([lines, *cells], axis=1)

    def log_density(self, actions: Array) -> Array:
        """Returns the log density of raw actions, (batch,)."""
        lines = actions[:, : self.mean.shape[1]]
        away = (lines - self.mean) / np.exp(self.log_spread)
        total: Array = -(away**2 / 2 + self.log_spread + 0.5 * np.log(2 * np.pi)).sum(axis=1)
        for index, logp in enumerate(self.choice):
            total = total + np.take_along_axis(logp, self._cell(actions, index)[:, None], axis=1)[:, 0]
        return total

    def pull(self, actions: Array) -> Array:
        """Returns the gradient of the log density for the net's outputs, (batch, slots, OUTPUTS)."""
        count = self.mean.shape[1]
        spread = np.exp(self.log_spread)
        away = (actions[:, :count] - self.mean) / spread
        gradient = np.zeros((len(actions), self.layout.slots, 3))
        gradient[:, :count, 0] = SHIFT * away / spread * self.free[..., 0]
        gradient[:, :count, 1] = (away**2 - 1) * self.free[..., 1]
        for index, (words, logp) in enumerate(zip(self.layout.words, self.choice, strict=True)):
            chosen = np.eye(words.levels)[self._cell(actions, index)]
            gradient[:, words.cells, 2] = SHARPNESS * (chosen - np.exp(logp))
        return gradient

    def entropy_pull(self) -> Array:
        """Returns the gradient of the entropy for the net's outputs, (batch, slots, OUTPUTS)."""
        gradient = np.zeros((len(self.mean), self.layout.slots, 3))
        gradient[:, : self.mean.shape[1], 1] = self.free[..., 1]
        for words, logp in zip(self.layout.words, self.choice, strict=True):
            entropy = -(np.exp(logp) * logp).sum(axis=1, keepdims=True)
            gradient[:, words.cells, 2] = -SHARPNESS * np.exp(logp) * (logp + entropy)
        return gradient

    def points(self, actions: Array) -> Array:
        """Returns the points of the cube, (batch, axes), that raw actions stand for."""
        points = np.full((len(actions), len(self.layout.cube)), 0.5)
        points[:, self.layout.lines] = folded(actions[:, : self.mean.shape[1]])
        for index, words in enumerate(self.layout.words):
            points[:, words.axis] = (self._cell(actions, index) + 0.5) / words.levels
        return self.layout.snapped(points)

    def _cell(self, actions: Array, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return actions[:, self.mean.shape[1] + index].astype(np.int64)


def distribution(layout: Layout, incumbent: Array, outputs: Array) -> Distribution:
    """Returns what the net's outputs (batch, slots, OUTPUTS) mean around the incumbents (batch, axes)."""
    lines = len(layout.lines)
    mean = 2 * incumbent[:, layout.lines] - 1 + SHIFT * outputs[:, :lines, 0]
    log_spread = np.log(SPREAD) + outputs[:, :lines, 1]
    low, high = np.log(NARROWEST), np.log(WIDEST)
    free = np.stack([np.abs(mean) <= 1, (log_spread >= low) & (log_spread <= high)], axis=2).astype(float)
    choice = tuple(_choice(layout, words, incumbent, outputs) for words in layout.words)
    return Distribution(layout, np.clip(mean, -1, 1), np.clip(log_spread, low, high), free, choice)


def _choice(layout: Layout, words: Words, incumbent: Array, outputs: Array) -> Array:
    stays = STAYS * np.eye(words.levels)[layout.cell(words, incumbent)]
    logits = stays + SHARPNESS * outputs[:, words.cells, 2]
    logits = logits - logits.max(axis=1, keepdims=True)
    logp: Array = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logp


def folded(places: Array) -> Array:
    """Returns coordinates in [0, 1] of places on the box from -1 to 1, those outside reflected at its ends.

    Cutting them off instead would pile up proposals on the ends of the ranges.
    """
    turned = np.mod(places + 1, 4.0)
    return np.where(turned > 2, 4 - turned, turned) / 2
