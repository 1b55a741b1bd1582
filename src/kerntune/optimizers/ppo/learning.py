"""Proximal policy optimization of the small net, from rollouts that somebody else collected.

Source: Schulman et al., "Proximal Policy Optimization Algorithms", arXiv:1707.06347; the advantages are those
of Schulman et al., arXiv:1506.02438.
"""

from dataclasses import dataclass

import numpy as np

from kerntune.optimizers.ppo.layout import Array, Layout
from kerntune.optimizers.ppo.net import Adam, Weights, backward, forward
from kerntune.optimizers.ppo.policy import distribution


@dataclass(frozen=True, slots=True)
class Rates:
    """The hyper-parameters of an update. `batch_size` None: all steps at once."""

    n_epochs: int = 4
    batch_size: int | None = None
    gamma: float = 0.95
    trace: float = 0.9
    clip: float = 0.2
    entropy: float = 0.0
    value: float = 0.5


@dataclass(frozen=True, slots=True)
class Rollout:
    """Steps of one or several searches on one cube, all flat."""

    layout: Layout
    seen: Array  # (steps, slots, FEATURES)
    incumbent: Array  # (steps, axes)
    actions: Array  # (steps, lines + word axes)
    log_density: Array  # (steps,) when they were taken
    advantage: Array  # (steps,)
    returned: Array  # (steps,)


def advantages(rewards: Array, values: Array, after: Array, rates: Rates, ends: Array) -> tuple[Array, Array]:
    """Returns advantages and returns, (steps, batch), of steps whose rewards and values are known.

    `after` (batch,) is the value of what comes after the last step; `ends` (steps, batch) is 1 where an
    episode ends with the step.
    """
    advantage = np.zeros_like(rewards)
    running, following = np.zeros_like(after), after
    for step in range(len(rewards) - 1, -1, -1):
        on = 1.0 - ends[step]
        error = rewards[step] + rates.gamma * following * on - values[step]
        running = error + rates.gamma * rates.trace * on * running
        advantage[step], following = running, values[step]
    return advantage, advantage + values


def update(
    weights: Weights, rollout: Rollout, adam: Adam, rates: Rates, generator: np.random.Generator
) -> Weights:
    """Returns the weights after some epochs of clipped policy gradients over the rollout."""
    steps = len(rollout.actions)
    size = min(rates.batch_size or steps, steps)
    for _ in range(rates.n_epochs):
        order = generator.permutation(steps)
        for start in range(0, steps, size):
            weights = adam.step(weights, gradient(weights, rollout, order[start : start + size], rates))
    return weights


def gradient(
    weights: Weights, rollout: Rollout, rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]], rates: Rates
) -> Weights:
    """Returns the gradient of the loss over some steps of a rollout."""
    made = forward(weights, rollout.seen[rows])
    now = distribution(rollout.layout, rollout.incumbent[rows], made.outputs)
    actions, advantage = rollout.actions[rows], rollout.advantage[rows]
    ratio = np.exp(np.clip(now.log_density(actions) - rollout.log_density[rows], -10, 10))
    clipped = ((advantage > 0) & (ratio > 1 + rates.clip)) | ((advantage < 0) & (ratio < 1 - rates.clip))
    push = np.where(clipped, 0.0, -advantage * ratio) / len(rows)  # (rows,)
    outputs = push[:, None, None] * now.pull(actions) - rates.entropy / len(rows) * now.entropy_pull()
    value = 2 * rates.value * (made.value - rollout.returned[rows]) / len(rows)
    return backward(weights, made, outputs, value)
