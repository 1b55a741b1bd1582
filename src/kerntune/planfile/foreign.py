"""Configuration files of reinforcement-learning tuners: a benchmark command and an action space, as plans.

The format: `workload_name`, `reward_metric`, `benchmark_command`, `action_space` of {param, min, max, type,
description}, `state_space` of names or {metric, description}, `training_config` with the settings of PPO.
Ours besides: `reward_direction` and `constraints`. What has no counterpart in a plan is told, not dropped in
silence.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from kerntune.errors import Fault
from kerntune.model.plan import Direction
from kerntune.planfile.benchmark import LINES, Found, place_of
from kerntune.planfile.shape import KnobValue, Text
from kerntune.state import metric as state_metric

TELLING = frozenset(("benchmark_command", "action_space", "reward_metric"))
"""Fields that no plan has: one of them tells this format."""

SMALLER_IS_BETTER = ("latency", "time", "delay", "loss", "error", "wait")
"""Words in a metric's name which suggest that the format's rule, more is better, may not be meant."""

PPO = ("n_steps", "batch_size", "n_epochs", "learning_rate", "gamma", "max_steps_per_episode")
"""Settings that go to the optimizer."""

MOST_STEPS, DAY_S = 100_000, 86_400.0

CONSTRAINT = re.compile(
    r"\s*(\S+)\s*(<=|>=|≤|≥)\s*(\d+(?:\.\d+)?)\s*[x*\u00d7]\s*(?:the\s+)?(?:baseline|default)\s*"
)


def whole(value: object) -> object:
    """Returns 5 for 5.0: the format writes bounds either way, and the kernel knows whole numbers only."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def constraint(value: object) -> object:
    """Returns a constraint written as a text, `p99 <= 1.1 x baseline`, as an object."""
    found = CONSTRAINT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    return {"metric": found[1], "max" if found[2] in {"<=", "≤"} else "min": float(found[3])}


Whole = Annotated[int, BeforeValidator(whole)]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)

    def others(self) -> list[str]:
        """Returns the names of fields that are not part of the format as far as we take it."""
        return sorted(self.model_extra or {})


class ActionShape(_Loose):
    """A kernel parameter with its bounds."""

    param: Text
    min: Whole | None = None
    max: Whole | None = None
    values: list[KnobValue] = []
    type: Literal["int", "integer", "float", "choice", "categorical"] = "int"
    description: str = ""


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
            kind, problem = (
                "one_bound",
                "needs max or min, as a multiple of the baseline: p99 <= 1.1 x baseline",
            )
            raise PydanticCustomError(kind, problem)
        return self


class TrainingShape(_Loose):
    """Settings of PPO, how many runs there may be, and how long one may take."""

    total_timesteps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    benchmark_timeout: Annotated[float, Field(gt=0, le=DAY_S)] | None = None
    n_steps: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    n_epochs: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    gamma: Annotated[float, Field(ge=0, le=1)] | None = None
    max_steps_per_episode: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    verbose: JsonValue = None


class ForeignShape(_Loose):
    """The whole file."""

    workload_name: Text
    reward_metric: Text
    benchmark_command: Text
    action_space: Annotated[list[ActionShape], Field(min_length=1, max_length=100)]
    state_space: Annotated[list[Text | StateShape], Field(max_length=100)] = []
    training_config: TrainingShape = TrainingShape()
    reward_direction: Literal["maximize", "minimize"] | None = None
    constraints: Annotated[
        list[Annotated[ConstraintShape, BeforeValidator(constraint)]], Field(max_length=100)
    ] = []

    def notes(self) -> Iterator[str]:
        """Yields what of the file cannot be honoured, or is not meant as it may seem."""
        training = self.training_config
        if others := self.others():
            yield f"not used: {', '.join(others)}"
        if unused := training.others():
            yield f"training_config: {', '.join(unused)} not used"
        if training.total_timesteps:
            yield f"training_config.total_timesteps is taken as a budget of {training.total_timesteps} trials"
        for index, action in enumerate(self.action_space):
            if unused := action.others():
                yield f"action_space[{index}]: {', '.join(unused)} not used"
            if action.type == "float":
                yield f"action_space[{index}]: {action.param} takes whole numbers only"
        yield from self._direction_notes()

    def _direction_notes(self) -> Iterator[str]:
        found = place_of(self.benchmark_command, self.reward_metric)
        suspicious = any(word in self.reward_metric.lower() for word in SMALLER_IS_BETTER)
        if self.reward_direction is not None:
            return
        if found.direction is Direction.MINIMIZE:
            yield f"{self.reward_metric} is minimized: less of it is better"
        elif suspicious and found.direction is None:
            yield (
                f"{self.reward_metric} is maximized, as this format has it; "
                'say "reward_direction": "minimize" where less is better'
            )


def is_foreign(document: Mapping[str, object]) -> bool:
    """Returns whether a document is such a file and not a plan."""
    return not TELLING.isdisjoint(document) and "knobs" not in document and "objective" not in document


FOREIGN_FIELDS = (
    ("workload.name", "workload_name"),
    ("goal", "workload_name"),
    ("objective.metric", "reward_metric"),
    ("budget", "training_config"),
    ("optimizer_options", "training_config"),
    ("knobs", "action_space"),
    ("guards", "constraints"),
    ("state", "state_space"),
)
"""Fields of a plan with those that they were made of."""

FOREIGN_ENDS = {".knob": ".param", ".low": ".min", ".high": ".max"}


def foreign_field(name: str) -> str:
    """Returns the name which a plan's field has in such a file: `action_space[0].min` for `knobs[0].low`."""
    for ours, theirs in FOREIGN_FIELDS:
        if re.match(rf"{re.escape(ours)}(?![a-z_])", name):
            name = theirs + name.removeprefix(ours)
            break
    for ours, theirs in FOREIGN_ENDS.items():
        name = name.removesuffix(ours) + theirs if name.endswith(ours) else name
    return name


def metric_faults(document: Mapping[str, object]) -> Iterator[Fault]:
    """Yields metrics that the benchmark's program does not print."""
    command = document.get("benchmark_command")
    asked = {"reward_metric": document.get("reward_metric")}
    for index, (metric, _, _) in enumerate(_constraints(document)):
        asked[f"constraints[{index}].metric"] = metric
    for where, metric in asked.items():
        if (
            isinstance(command, str)
            and isinstance(metric, str)
            and (found := place_of(command, metric)).problem
        ):
            yield Fault(where, metric, found.problem)


def as_plan(document: Mapping[str, object], directory: Path | None = None) -> dict[str, object]:
    """Returns the plan file that says the same; what is ill-typed is carried over, to be found there.

    `directory` is where the benchmark command runs, the target's own choice if not given.
    """
    actions, training = document.get("action_space"), document.get("training_config")
    budget: dict[str, object] = {}
    learning: dict[str, object] = {}
    timeout_s = 0.0
    if isinstance(training, dict):
        budget, timeout_s = _budget(training)
        learning = {name: training[name] for name in PPO if training.get(name) is not None}
    metrics, options = _measured(document, directory)
    return {
        "goal": document.get("workload_name"),
        "workload": {"name": "command", "options": options | ({"timeout_s": timeout_s} if timeout_s else {})},
        "objective": {"metric": document.get("reward_metric"), "direction": metrics[0]["direction"]},
        "knobs": [_knob(action) for action in (actions if isinstance(actions, list) else [])],
        "guards": [_guard(*one) for one in _constraints(document)],
        "budget": budget,
        "target": "host",
        "optimizer": "ppo",
        "optimizer_options": learning,
        "reward": {"performance": 0.5, "stability": 0.5, "definition": "spread"},
        "state": _state(document.get("state_space")),
    } | _seed(training)


def _measured(
    document: Mapping[str, object], directory: Path | None
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Returns the metrics to be read, the rewarded one first, and the options of the workload command."""
    command, metric = document.get("benchmark_command"), document.get("reward_metric")
    found = _place(command, metric)
    asked = document.get("reward_direction")
    first = {"name": metric, "direction": asked or str(found.direction or Direction.MAXIMIZE)}
    metrics = [first | ({"find": found.find} if found.find != metric else {})]
    for name, direction, _ in _constraints(document):
        where = _place(command, name)
        metrics.append(
            {"name": name, "direction": str(direction)} | ({"find": where.find} if where.find != name else {})
        )
    script = command
    if directory is not None and isinstance(command, str):
        script = f"cd {shlex.quote(str(directory))} || exit\n{command}"
    distinct = list({str(one["name"]): one for one in reversed(metrics)}.values())[::-1]
    return metrics, {"command": script, "reader": found.reader, "metrics": distinct}


def _place(command: object, metric: object) -> Found:
    if isinstance(command, str) and isinstance(metric, str):
        return place_of(command, metric)
    return Found(LINES, metric if isinstance(metric, str) else "")


def _constraints(document: Mapping[str, object]) -> Iterator[tuple[object, Direction, object]]:
    """Yields metric, direction and limit of each constraint that has its shape."""
    found = document.get("constraints")
    for one in map(constraint, found if isinstance(found, list) else []):
        if (
            isinstance(one, dict)
            and isinstance(one.get("metric"), str)
            and ("max" in one) is not ("min" in one)
        ):
            direction = Direction.MINIMIZE if "max" in one else Direction.MAXIMIZE
            yield one["metric"], direction, one.get("max", one.get("min"))


def _guard(metric: object, direction: Direction, limit: object) -> dict[str, object]:
    return {
        "metric": metric,
        "direction": str(direction),
        "limit": limit,
        "reason": "a constraint of the file",
    }


def _state(space: object) -> list[object]:
    """Returns the names of a state space, each metric once: two names of one are the same observation."""
    names: list[object] = []
    seen = set()
    for one in space if isinstance(space, list) else []:
        name = one.get("metric") if isinstance(one, dict) else one
        known = state_metric(name) if isinstance(name, str) else None
        if known is None or known.name not in seen:
            names.append(name)
        if known is not None:
            seen.add(known.name)
    return names


def _seed(training: object) -> dict[str, object]:
    seed = training.get("seed") if isinstance(training, dict) else None
    return {} if seed is None else {"seed": seed}


def _budget(training: Mapping[str, object]) -> tuple[dict[str, object], float]:
    """Returns a budget of as many trials as there were steps, and the seconds that one run may take."""
    steps, timeout = training.get("total_timesteps"), training.get("benchmark_timeout")
    timeout_s = float(timeout) if isinstance(timeout, int | float) and 0 < timeout <= DAY_S else 0.0
    if not isinstance(steps, int) or not 0 < steps <= MOST_STEPS:
        return {}, timeout_s
    time_s = min(steps * timeout_s, 30 * DAY_S)
    return {"trials": steps} | ({"time_s": time_s} if time_s else {}), timeout_s


def _knob(action: object) -> object:
    if not isinstance(action, dict):
        return action
    bounds = {
        "low": whole(action.get("min")),
        "high": whole(action.get("max")),
        "values": action.get("values"),
    }
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    reason = action.get("description", "")
    return {"knob": action.get("param"), **given, "reason": reason, "source": "the configuration file"}
