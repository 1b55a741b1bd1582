"""Trains the policy on simulated or replayed searches: rollouts of a whole batch at once, then an update."""

from dataclasses import dataclass

import numpy as np

from kerntune.optimizers.ppo.layout import Array
from kerntune.optimizers.ppo.learning import Rates, Rollout, advantages
from kerntune.optimizers.ppo.net import Weights, forward
from kerntune.optimizers.ppo.observation import History, observe
from kerntune.optimizers.ppo.policy import distribution
from kerntune.optimizers.ppo.simulated import PENALTY, Known


@dataclass(frozen=True, slots=True)
class Searched:
    """A batch of searches on simulated surfaces: what the policy learns from, and how well it did."""

    rollout: Rollout
    captured: (
        Array  # (trials, batch): true gain of the choice after each trial, in units of the surface's scale
    )


def rolled(
    weights: Weights, known: Known, trials: int, generator: np.random.Generator, rates: Rates
) -> Searched:
    """Carries out one search on each surface, all side by side."""
    batch, axes = known.default.shape
    base = known.height(known.default)[0]
    points, scores, truths = known.default[:, None], np.zeros((batch, 1)), np.zeros((batch, 1))
    kept: dict[str, list[Array]] = {name: [] for name in ("seen", "incumbent", "actions", "logp", "value")}
    ask = _Dice(generator, axes)
    slopes = 0.7 * generator.standard_normal((batch,))
    for step in range(trials):
        history = History(points, scores, _telemetry(scores, slopes), trials, ask.next(batch))
        if step < known.starts.shape[1]:
            point = known.starts[:, step]
        else:
            seen = observe(known.layout, history)
            made = forward(weights, seen)
            now = distribution(known.layout, history.incumbent, made.outputs)
            actions = now.draw(generator)
            point = now.points(actions)
            for name, part in zip(
                kept, (seen, history.incumbent, actions, now.log_density(actions), made.value), strict=True
            ):
                kept[name].append(part)
        truth, failed = known.height(point)
        seen_gain = truth - base + known.noise * generator.standard_normal(batch)
        score = np.where(failed, scores.min(axis=1) - PENALTY, seen_gain)
        points = np.concatenate([points, point[:, None]], axis=1)
        scores = np.concatenate([scores, score[:, None]], axis=1)
        truths = np.concatenate([truths, np.where(failed, -PENALTY, truth - base)[:, None]], axis=1)
    captured = _captured(scores, truths) / known.scale
    gained = np.diff(np.maximum.accumulate(truths, axis=1), axis=1).T / known.scale  # (trials, batch)
    chosen = np.diff(np.concatenate([np.zeros((1, batch)), captured]), axis=0)
    return Searched(_rollout(known, kept, (gained + chosen) / 2, rates), captured)


class _Dice:
    """Fresh normal numbers for each ask."""

    def __init__(self, generator: np.random.Generator, axes: int) -> None:
        self._generator, self._axes = generator, axes

    def next(self, batch: int) -> Array:
        return self._generator.standard_normal((batch, self._axes + 1))


def _telemetry(scores: Array, slopes: Array) -> Array:
    mean = scores.max(axis=1) * slopes
    return np.stack([mean, np.abs(mean) + 0.1], axis=1)


def _captured(scores: Array, truths: Array) -> Array:
    """Returns the true gain of what looks best after each trial, (trials, batch)."""
    best = np.zeros_like(truths[:, 1:])
    for step in range(1, scores.shape[1]):
        choice = scores[:, : step + 1].argmax(axis=1)
        best[:, step - 1] = truths[np.arange(len(truths)), choice]
    return best.T


def _rollout(known: Known, kept: dict[str, list[Array]], rewards: Array, rates: Rates) -> Rollout:
    values = np.stack(kept["value"])  # (steps, batch)
    rewards = rewards[-len(values) :]
    ends = np.zeros_like(rewards)
    ends[-1] = 1.0
    advantage, returned = advantages(rewards, values, np.zeros(rewards.shape[1]), rates, ends)
    # the first steps have more to gain than the last ones: each step is compared with its own kind
    advantage = (advantage - advantage.mean(axis=1, keepdims=True)) / (advantage.std() + 1e-6)
    flat = {name: np.concatenate(parts) for name, parts in kept.items()}
    return Rollout(
        known.layout,
        flat["seen"],
        flat["incumbent"],
        flat["actions"],
        flat["logp"],
        np.clip(advantage, -4, 4).reshape(-1),
        returned.reshape(-1),
    )
