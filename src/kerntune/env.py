"""The Gymnasium environment: an agent turns the knobs of a real target, step by step.

    env = OSTuningEnv("plan.json")                     # or a plan, or a mapping like the file's content
    env = gymnasium.make("kerntune.env:kerntune/OSTuning-v0", plan="plan.json")

A step measures one config beside the present values and undoes it; between steps nothing is changed. Only a
study's confirmation may claim a gain: what is measured here is for the agent. docs/reference/environment.md.
"""

import math
import sys
import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kerntune import judge, reward, state
from kerntune.app.configs import Source
from kerntune.app.environment import opened_rig
from kerntune.desk import failure_of, is_reference_first
from kerntune.encoding import Encoding, Point
from kerntune.errors import InputError, KerntuneError
from kerntune.interfaces import Rig
from kerntune.judge import check_guards
from kerntune.model.knob import Config
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Definition, Plan, Reward
from kerntune.model.trial import Failure
from kerntune.search import FAILURES_TO_STOP, PENALTY, Brief

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    msg = f"the environment needs gymnasium: {error}"
    raise InputError(msg, hint="pip install 'kerntune[rl]'") from error

ID = "kerntune/OSTuning-v0"
STEPS = 10
"""Steps of an episode when neither the plan nor the caller says how many."""

Floats = NDArray[np.float32]
Opening = AbstractContextManager[tuple[Brief, Rig]]
"""Gives a plan as it stands on a target, and the rig on that target; leaving it closes them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How an agent is dealt with.

    `pairs` runs of a config beside the present values make a step; a spread needs two. `steps` make an
    episode: the plan's `max_steps_per_episode`, else 10. `reward`: the plan's, or half performance and half
    stability where the plan rewards performance alone.
    """

    pairs: int = 2
    steps: int | None = None
    reward: Reward | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The terms with everything said."""

    pairs: int
    steps: int
    reward: Reward


@dataclass(slots=True)
class Episode:
    """What has happened since the last reset."""

    config: Config
    best: Config
    best_score: float = 0.0
    steps: int = 0
    failures: int = 0


@dataclass(slots=True)
class Step:
    """What one step measured: pairs, or why there are none to count."""

    config: Config
    pairs: list[Pair] = field(default_factory=list)
    failure: Failure | None = None
    score: float = 0.0


class OSTuningEnv(gymnasium.Env[Floats, Floats]):
    """Tunes one target for one workload.

    Actions: one number in [-1, 1] for each knob; 0 is the plan's first hint, or the present value where there
    is none; the ends are the ends of the range. Numbers outside are clipped, NaN and other shapes refused.

    Observations, all float32: the state metrics at the last run, the knobs as the actions that set them, the
    knobs of the episode's best config, tanh of its reward, and the share of the episode that is over.

    Args:
        plan: A plan, the path or the content of its file (reinforcement-learning configs, too): its target is
            opened. Or what opens a target otherwise and gives its brief and rig.
        terms: How many runs a step has, how many steps an episode, and what is rewarded.
        render_mode: "ansi" or "human".

    Raises:
        InputError: the plan, the terms or the render mode are wrong.
        KerntuneError: the target or the workload cannot be had.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 1}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self,
        plan: Source | Opening,
        *,
        terms: Terms | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            msg = f"there is no render mode {render_mode!r}"
            raise InputError(msg, hint="there are ansi and human")
        self.render_mode = render_mode
        with ExitStack() as stack:
            opening: Opening = plan if isinstance(plan, AbstractContextManager) else opened_rig(plan)
            self._brief, self._rig = stack.enter_context(opening)
            self._encoding = Encoding(self._brief.space)
            self._domains = {each.knob.name: each.domain for each in self._brief.space}
            self._terms = _settled(terms or Terms(), self._brief.plan)
            self._close = weakref.finalize(self, stack.pop_all().close)
        self._center = _center(self._brief, self._encoding)
        self._names = self._brief.plan.state or state.DEFAULT
        knobs = len(self._brief.space)
        self.action_space = spaces.Box(-1.0, 1.0, (knobs,), np.float32)
        low = [0.0] * len(self._names) + [-1.0] * (2 * knobs + 1) + [0.0]
        self.observation_space = spaces.Box(np.array(low, np.float32), np.ones(len(low), np.float32))
        self._seed = self._brief.plan.seed
        self._number = 0
        self._worst = 0.0
        self._last: Step | None = None
        self._resting: Sample | None = None  # the last run at the present values
        self._observed: Sample | None = None
        self._episode: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begins an episode at the present values; the first one runs the workload there once.

        The seed draws which run of a pair goes first. What a machine measures cannot be seeded.

        Raises:
            KerntuneError: the workload or the target failed at the present values.
        """
        super().reset(seed=seed, options=options)
        self._refuse_closed()
        if seed is not None:
            self._seed, self._number = seed, 0
        default = self._brief.space.default
        if self._resting is None:
            self._resting = self._rig.sample(default)
        self._observed = self._resting
        self._last = None
        self._episode = Episode(config=default, best=default)
        return self._observation(self._episode), {"config": dict(default), "state": self._state()}

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Measures the config of an action beside the present values.

        A failure has a finite penalty below the worst reward so far, and its reason in `info["failure"]`;
        three in a row end the episode.

        Raises:
            InputError: the action holds a NaN or has another shape; or there was no reset, or a close.
        """
        self._refuse_closed()
        episode = self._episode
        if episode is None:
            msg = "step was called before reset"
            raise InputError(msg, hint="call reset first")
        step = self._measured(self.config_of(action))
        self._last = step
        episode.config = step.config
        episode.steps += 1
        episode.failures = episode.failures + 1 if step.failure else 0
        if not step.failure and step.score > episode.best_score:
            episode.best, episode.best_score = step.config, step.score
        terminated = episode.failures >= FAILURES_TO_STOP
        truncated = episode.steps >= self._terms.steps
        if self.render_mode == "human":
            self.render()
        return self._observation(episode), step.score, terminated, truncated, self._info(step)

    def config_of(self, action: Sequence[float] | Floats) -> Config:
        """Returns the config that an action sets.

        Raises:
            InputError: it holds a NaN, or has another shape.
        """
        try:
            wanted = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            msg = f"not an action of {self.action_space}: {error}"
            raise InputError(msg, hint="one number from -1 to 1 for each knob") from error
        if wanted.shape != self.action_space.shape or np.isnan(wanted).any():
            msg = f"not an action of {self.action_space}: {wanted.tolist()}"
            raise InputError(msg, hint="one number from -1 to 1 for each knob")
        clipped = np.clip(wanted, -1.0, 1.0).tolist()
        point = [_coordinate(one, center) for one, center in zip(clipped, self._center, strict=True)]
        return self._encoding.decode(point)

    def action_of(self, config: Config) -> Floats:
        """Returns the action that sets a config; knobs it does not name stand at their present values.

        Raises:
            InputError: a knob is not in the plan, or a value not in its range.
        """
        for name, value in config.items():
            domain = self._domains.get(name)
            if domain is not None and value not in domain and value != self._brief.space.default[name]:
                msg = f"{name} = {value!r} is outside its range"
                raise InputError(msg, hint=f"its range here: {domain}")
        point = self._encoding.encode(config)
        return np.array(
            [_deflection(one, center) for one, center in zip(point, self._center, strict=True)], np.float32
        )

    def render(self) -> str | None:
        """Returns the last step as a line ("ansi"), or prints it ("human")."""
        line = _line(self._last, self._episode, self._terms)
        if self.render_mode == "human":
            sys.stdout.write(line + "\n")
            return None
        return line if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Undoes and closes everything that was opened; a second call does nothing.

        Also done when the environment is dropped without it, or the program ends.
        """
        self._close()

    def _refuse_closed(self) -> None:
        if not self._close.alive:
            msg = "the environment is closed"
            raise InputError(msg, hint="make a new one")

    def _measured(self, config: Config) -> Step:
        self._number += 1
        step = Step(config)
        objective = self._brief.objective
        try:
            for index in range(self._terms.pairs):
                first = is_reference_first(self._seed, self._number, index)
                pair = self._rig.pair(config, self._brief.space.default, reference_first=first)
                step.pairs.append(pair)
                self._resting, self._observed = pair.reference, pair.candidate
                check_guards(self._brief.plan.guards, step.pairs)
            step.score = reward.score(step.pairs, objective, self._terms.reward)
            self._worst = min(self._worst, step.score)
        except KerntuneError as error:
            step.failure = failure_of(error)
            step.score = self._worst - PENALTY
        return step

    def _observation(self, episode: Episode) -> Floats:
        assert self._observed is not None
        parts = (
            state.observed(self._names, self._observed),
            self.action_of(episode.config),
            self.action_of(episode.best),
            (math.tanh(episode.best_score), episode.steps / self._terms.steps),
        )
        made = np.concatenate([np.asarray(part, np.float32) for part in parts])
        inside: Floats = np.clip(made, np.float32(-1), np.float32(1))
        return inside

    def _state(self) -> dict[str, float]:
        assert self._observed is not None
        found = state.values(self._names, self._observed)
        return {name: value for name, value in found.items() if value is not None}

    def _info(self, step: Step) -> dict[str, Any]:
        assert self._episode is not None
        info: dict[str, Any] = {
            "config": dict(step.config),
            "best_config": dict(self._episode.best),
            "state": self._state(),
            "telemetry": dict(reward.relative_telemetry(step.pairs)),
            "run_s": sum(run.wall_s for pair in step.pairs for run in (pair.reference, pair.candidate)),
        }
        if step.failure is not None:
            return info | {"failure": {"kind": str(step.failure.kind), "reason": step.failure.reason}}
        return info | self._judged(step)

    def _judged(self, step: Step) -> dict[str, Any]:
        objective = self._brief.objective
        verdict = judge.audit(objective, most=len(step.pairs))(step.pairs).verdict
        told = replace(verdict, reason="an agent's step; only a confirmation may claim a gain")
        return {
            "verdict": {**asdict(told), "outcome": str(told.outcome)},
            "performance": reward.performance(step.pairs, objective),
            "stability": reward.stability(step.pairs, objective, self._terms.reward),
        }


def _settled(terms: Terms, plan: Plan) -> Settled:
    """Returns the terms with everything said.

    Raises:
        InputError: there are no pairs or no steps, or the reward is none.
    """
    steps: object = terms.steps
    if steps is None:
        steps = plan.optimizer_options.get("max_steps_per_episode") or STEPS
    counts = {"pairs": terms.pairs, "steps": steps}
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            msg = f"an episode needs steps, and a step pairs: found {name}={count!r}"
            raise InputError(msg, hint="whole numbers from 1 on")
    weights = terms.reward or (plan.reward if plan.reward.stability > 0 else reward.EVEN)
    if not _is_sound(weights):
        msg = f"no reward can be made of {weights!r}"
        raise InputError(msg, hint="kerntune.model.plan.Reward(performance=0.5, stability=0.5)")
    return Settled(terms.pairs, int(str(steps)), weights)


def _is_sound(weights: object) -> bool:
    """Says whether weights can tell one config from another."""
    if not isinstance(weights, Reward) or weights.definition not in get_args(Definition):
        return False
    both = (weights.performance, weights.stability)
    return all(isinstance(one, int | float) and 0 <= one < math.inf for one in both) and sum(both) > 0


def _center(brief: Brief, encoding: Encoding) -> Point:
    """Returns the point that action 0 sets: the first hint, or the present values."""
    hint = brief.plan.hints[0].config if brief.plan.hints else {}
    known = {name: value for name, value in hint.items() if name in brief.space.default}
    return encoding.encode(known)


def _coordinate(deflection: float, center: float) -> float:
    """Returns where between 0 and 1 an action from -1 to 1 leads, 0 to the center, the ends to the ends."""
    return center + deflection * (1 - center if deflection > 0 else center)


def _deflection(coordinate: float, center: float) -> float:
    """Returns the action that leads to a coordinate."""
    room = 1 - center if coordinate > center else center
    return (coordinate - center) / room if room > 0 else 0.0


def _line(step: Step | None, episode: Episode | None, terms: Settled) -> str:
    if step is None or episode is None:
        return "nothing measured yet"
    values = ", ".join(f"{name}={value}" for name, value in step.config.items())
    head = f"step {episode.steps}/{terms.steps}  reward {step.score:+.4f}"
    if step.failure is not None:
        return f"{head}  failed ({step.failure.kind}): {step.failure.reason}  {values}"
    return f"{head}  best {episode.best_score:+.4f}  {values}"


if ID not in gymnasium.registry:
    gymnasium.register(ID, entry_point="kerntune.env:OSTuningEnv", nondeterministic=True)
