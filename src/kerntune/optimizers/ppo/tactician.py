"""Proximal policy optimization as a search: a policy trained beforehand, which learns on as it is told.

It never owns the loop: it is asked and told like any other optimizer. numpy only, no threads.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerntune.encoding import Point, Task
from kerntune.interfaces import NOTHING
from kerntune.optimizers.ppo import net
from kerntune.optimizers.ppo.layout import Array, Layout
from kerntune.optimizers.ppo.learning import Rates, Rollout, advantages, update
from kerntune.optimizers.ppo.observation import FEATURES, History, observe
from kerntune.optimizers.ppo.options import checked, doubts
from kerntune.optimizers.ppo.policy import distribution
from kerntune.optimizers.starts import Starts

SHIPPED = Path(__file__).with_name("policy.npz")
"""The policy that comes with kerntune, trained by `python -m kerntune.optimizers.ppo.train`."""

REDRAWS = 20
"""A point that was told already is drawn again, so often at most: the study would not measure it again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decision of the policy, and what came of it."""

    seen: Array  # (1, slots, FEATURES)
    incumbent: Array  # (1, axes)
    actions: Array  # (1, lines + word axes)
    log_density: Array  # (1,)
    value: Array  # (1,)
    reward: float = 0.0


class Told:
    """What was told so far: points in order, a point's repeated scores averaged."""

    def __init__(self, axes: int) -> None:
        self._axes = axes
        self._scores: dict[Point, list[float]] = {}
        self._telemetry: dict[Point, tuple[float, float]] = {}

    def __contains__(self, point: Point) -> bool:
        return point in self._scores

    @property
    def best(self) -> float | None:
        """Returns the best mean score, None before anything was told."""
        return max(map(_mean, self._scores.values()), default=None)

    @property
    def spread(self) -> float:
        """Returns how far the better half of the scores reaches: what rewards are measured in."""
        scores = sorted(map(_mean, self._scores.values()))
        return max(scores[-1] - scores[len(scores) // 2], 0.05) if scores else 0.05

    def take(self, point: Point, score: float, telemetry: Mapping[str, float]) -> None:
        """Takes one telling."""
        self._scores.setdefault(point, []).append(score)
        logs = [max(-3.0, min(3.0, math.log(max(ratio, 1e-3)))) for ratio in telemetry.values()]
        if logs:
            self._telemetry[point] = _mean(logs), math.sqrt(_mean([log**2 for log in logs]))

    def history(self, trials: int, dice: Array) -> History:
        """Returns it as the policy sees it; before anything was told, as if the middle had scored 0."""
        points = list(self._scores) or [(0.5,) * self._axes]
        scores = [_mean(told) for told in self._scores.values()] or [0.0]
        best = points[int(np.argmax(scores))]
        telemetry = self._telemetry.get(best, (0.0, 0.0))
        return History(np.array([points]), np.array([scores]), np.array([telemetry]), trials, dice)


class Ppo:
    """Asks the policy, and improves it by PPO after each `n_steps` of its own points.

    The policy proposes around the best point told so far (the default at first, or the best hint). `weights`
    are the policy as it has become; `note` says what the options cannot do within the budget.

    Raises:
        InputError: an option is wrong, or the policy cannot be read.
    """

    def __init__(self, task: Task) -> None:
        self._options = checked(task)
        self._task = task
        self._layout = Layout(task.cube)
        self._starts = Starts(task)
        self._generator = np.random.default_rng(task.seed)
        self._told = Told(len(task.cube))
        self._pending: dict[Point, Step] = {}
        self._steps: list[Step] = []
        self._learnt_from = 0
        self._adam = net.Adam(self._options.learning_rate)
        self.weights = net.load(Path(self._options.policy) if self._options.policy else SHIPPED, FEATURES)
        if self._options.save_policy:
            net.check_place(Path(self._options.save_policy))
        said = doubts(self._options, task.trials, len(task.start))
        self.note = "; ".join(["optimizer ppo", *said]) if said else ""

    def ask(self) -> Point:
        """Returns the next starting point, then points that the policy draws."""
        start = self._starts.next()
        if start is not None:
            return start
        if self._layout.slots == 0:
            return self._task.cube.snapped((0.5,) * len(self._task.cube))
        if len(self._steps) >= self._options.n_steps:
            self._learn()
        for _ in range(REDRAWS):
            point, step = self._drawn()
            if point not in self._told:
                break
        self._pending[point] = step
        return point

    def tell(self, point: Sequence[float], score: float, telemetry: Mapping[str, float] = NOTHING) -> None:
        """Takes a score; the first telling of a point that the policy asked is also its reward.

        The reward is what the point adds to the best score before it: scores are relative to the neighbouring
        baseline already.
        """
        inside = self._task.cube.snapped(point)
        best, step = self._told.best, self._pending.pop(inside, None)
        self._told.take(inside, score, telemetry)
        if step is not None and self._learns:
            gained = max(0.0, score - (best or 0.0)) / self._told.spread
            parts = step.seen, step.incumbent, step.actions, step.log_density, step.value
            self._steps.append(Step(*parts, reward=min(gained, 1.0)))

    @property
    def _learns(self) -> bool:
        """Says whether there is still something to come of learning."""
        limit = self._options.total_timesteps or math.inf
        return self._options.learning_rate > 0 and self._learnt_from + len(self._steps) < limit

    def _drawn(self) -> tuple[Point, Step]:
        dice = self._generator.standard_normal((1, len(self._task.cube) + 1))
        history = self._told.history(self._task.trials, dice)
        seen = observe(self._layout, history)
        made = net.forward(self.weights, seen)
        now = distribution(self._layout, history.incumbent, made.outputs)
        actions = now.draw(self._generator)
        point = self._task.cube.snapped(now.points(actions)[0].tolist())
        return point, Step(seen, history.incumbent, actions, now.log_density(actions), made.value)

    def _learn(self) -> None:
        """Updates the policy from the steps since the last update, and saves it where it was asked to."""
        options = self._options
        rates = Rates(options.epochs, options.batch_size, options.gamma, entropy=options.ent_coef)
        rollout = self._rollout(rates)
        self._learnt_from += len(self._steps)
        self._steps = []
        self.weights = update(self.weights, rollout, self._adam, rates, self._generator)
        if options.save_policy:
            net.save(self.weights, Path(options.save_policy))

    def _rollout(self, rates: Rates) -> Rollout:
        steps, length = self._steps, self._options.max_steps_per_episode
        rewards, values = (
            np.array([[step.reward] for step in steps]),
            np.stack([step.value for step in steps]),
        )
        ends = np.zeros_like(rewards)
        if length:
            numbers = self._learnt_from + np.arange(1, len(steps) + 1)
            ends[numbers % length == 0] = 1.0
        _, after = self._drawn()
        advantage, returned = advantages(rewards, values, after.value, rates, ends)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-3)
        return Rollout(
            self._layout,
            np.concatenate([step.seen for step in steps]),
            np.concatenate([step.incumbent for step in steps]),
            np.concatenate([step.actions for step in steps]),
            np.concatenate([step.log_density for step in steps]),
            advantage[:, 0],
            returned[:, 0],
        )


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
