"""The format of reinforcement-learning tuners' configuration files, as pydantic models.

`workload_name`, `reward_metric`, `benchmark_command`, `action_space` of {param, min, max, type, description},
`state_space` of names or {metric, description}, `training_config` with the settings of PPO. Ours besides:
`reward_direction`, `constraints`, and the fields of a plan that mean the same here.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from kerntune.model.plan import Direction, Guard
from kerntune.planfile.shape import (
    LARGEST_SEED,
    GuardShape,
    HintShape,
    KnobValue,
    ObjectiveShape,
    Options,
    RewardShape,
    Text,
)

MOST_STEPS, DAY_S = 100_000, 86_400.0

CONSTRAINT = re.compile(
    r"\s*(?P<metric>[^\s<>=≤≥]+)\s*(?P<sign><=?|>=?|≤|≥)\s*(?P<limit>\d+(?:\.\d+)?|\.\d+)\s*"
    r"(?P<unit>[x*\u00d7]|%(?:\s*of\b)?)\s*(?:the\s+)?(?:baseline|default)\s*",
    re.IGNORECASE,
)

STAND_INS: Mapping[str, object] = {
    "workload_name": "?",
    "reward_metric": "?",
    "benchmark_command": "?",
    "action_space": [{"param": "?"}],
}
"""What stands for required fields that are missing or faulty, while the rest is looked at."""


def whole(value: object) -> object:
    """Returns 5 for 5.0: the format writes numbers either way, and the kernel knows whole ones only."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def constraint(value: object) -> object:
    """Returns a constraint written as a text, `p99 <= 1.1 x baseline`, as an object."""
    if isinstance(value, dict):
        return value
    found = CONSTRAINT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        kind, problem = "constraint", "is not understood; write it as p99_latency <= 1.1 x baseline"
        raise PydanticCustomError(kind, problem)
    limit = float(found["limit"]) / (100 if found["unit"].startswith("%") else 1)
    return {"metric": found["metric"], "max" if found["sign"] in {"<", "<=", "≤"} else "min": limit}


def observation(value: object) -> object:
    """Returns an item of a state space that is a name alone as an object."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        kind, problem = "observation", "must be the name of a metric, or an object with metric"
        raise PydanticCustomError(kind, problem)
    return {"metric": value}


def refused(dry_run: bool) -> bool:  # noqa: FBT001 - pydantic calls it with the field's value
    """Returns False; a config cannot ask for a dry run, because a plan knows of none."""
    if dry_run:
        kind, problem = "dry_run", "cannot be said in a file: use --dry-run, or dry_run=True of the function"
        raise PydanticCustomError(kind, problem)
    return dry_run


Whole = Annotated[int, BeforeValidator(whole)]
Count = Annotated[Whole, Field(ge=1, le=MOST_STEPS)]
Seed = Annotated[Whole, Field(ge=0, le=LARGEST_SEED)]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        """Returns an object without the fields that say nothing."""
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value

    def others(self) -> list[str]:
        """Returns the names of fields that are not part of the format, each with one that may be meant."""
        extra = sorted(self.model_extra or {})
        close = {name: get_close_matches(name, type(self).model_fields, 1, 0.8) for name in extra}
        return [f"{name} (did you mean {close[name][0]}?)" if close[name] else name for name in extra]


class ActionShape(_Loose):
    """A kernel parameter with its bounds."""

    param: Text
    min: Whole | None = None
    max: Whole | None = None
    values: Annotated[
        list[Annotated[KnobValue, BeforeValidator(whole)]],
        Field(max_length=1000, validation_alias=AliasChoices("values", "choices")),
    ] = []
    type: Literal["int", "integer", "float", "choice", "categorical"] = "int"
    description: Annotated[str, Field(max_length=10_000)] = ""


class StateShape(_Loose):
    """A metric to observe."""

    metric: Text
    description: str = ""


class ConstraintShape(_Loose):
    """A metric that must stay below `max`, or above `min`, times its neighbour at the present values."""

    metric: Text
    max: Annotated[float, Field(gt=0)] | None = None
    min: Annotated[float, Field(gt=0)] | None = None
    description: str = ""

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if (self.max is None) is (self.min is None):
            kind = "one_bound"
            problem = "needs max or min, as a multiple of the baseline: p99_latency <= 1.1 x baseline"
            raise PydanticCustomError(kind, problem)
        return self

    def guard(self) -> Guard:
        """Returns the guard that it is."""
        reason = "a constraint of the file"
        if self.max is not None:
            return Guard(self.metric, Direction.MINIMIZE, self.max, reason)
        assert self.min is not None
        return Guard(self.metric, Direction.MAXIMIZE, self.min, reason)


class TrainingShape(_Loose):
    """Settings of PPO, how many runs there may be, and how long one may take."""

    total_timesteps: Count | None = None
    benchmark_timeout: Annotated[float, Field(gt=0, le=DAY_S)] | None = None
    n_steps: Annotated[Whole, Field(ge=2, le=MOST_STEPS)] | None = None
    batch_size: Count | None = None
    n_epochs: Count | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    gamma: Annotated[float, Field(ge=0, le=1)] | None = None
    max_steps_per_episode: Count | None = None
    seed: Seed | None = None


class ForeignShape(_Loose):
    """The whole file."""

    workload_name: Text
    reward_metric: Text
    benchmark_command: Text
    action_space: Annotated[list[ActionShape], Field(min_length=1, max_length=100)]
    state_space: Annotated[
        list[Annotated[StateShape, BeforeValidator(observation)]], Field(max_length=100)
    ] = []
    training_config: TrainingShape = TrainingShape()
    reward_direction: Annotated[Direction, Field(strict=False)] | None = None
    constraints: Annotated[
        list[Annotated[ConstraintShape, BeforeValidator(constraint)]], Field(max_length=100)
    ] = []
    target: Text = "host"
    target_options: Options = {}
    optimizer: Text = "ppo"
    seed: Seed | None = None
    reward: RewardShape = RewardShape(performance=0.5, stability=0.5)
    also: Annotated[list[ObjectiveShape], Field(max_length=10)] = []
    hints: Annotated[list[HintShape], Field(max_length=100)] = []
    guards: Annotated[list[GuardShape], Field(max_length=100)] = []
    dry_run: Annotated[bool, AfterValidator(refused)] = False
