"""Configuration files of reinforcement-learning tuners: a benchmark command and an action space, as plans.

The format: `workload_name`, `reward_metric`, `benchmark_command`, `action_space` of {param, min, max, type,
description}, `state_space`, `training_config` with the settings of PPO. What has no counterpart in a plan is
told, not dropped in silence.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kerntune.model.plan import Direction
from kerntune.planfile.shape import KnobValue, Text

TELLING = frozenset(("benchmark_command", "action_space", "reward_metric"))
"""Fields that no plan has: one of them tells this format."""

SMALLER_IS_BETTER = ("latency", "time", "delay", "loss", "error", "wait")
"""Words in a metric's name which suggest that the format's rule, more is better, may not be meant."""


MOST_STEPS, DAY_S = 100_000, 86_400.0


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, frozen=True)

    def others(self) -> list[str]:
        """Returns the names of fields that are not part of the format as far as we take it."""
        return sorted(self.model_extra or {})


class ActionShape(_Loose):
    """A kernel parameter with its bounds."""

    param: Text
    min: int | None = None
    max: int | None = None
    values: list[KnobValue] = []
    type: Literal["int", "integer", "choice", "categorical"] = "int"
    description: str = ""


class TrainingShape(_Loose):
    """The two settings that mean something without PPO: how many runs, and how long one may take."""

    total_timesteps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    benchmark_timeout: Annotated[float, Field(gt=0, le=DAY_S)] | None = None


class ForeignShape(_Loose):
    """The whole file."""

    workload_name: Text
    reward_metric: Text
    benchmark_command: Text
    action_space: Annotated[list[ActionShape], Field(min_length=1, max_length=100)]
    training_config: TrainingShape = TrainingShape()

    def notes(self) -> Iterator[str]:
        """Yields what of the file cannot be honoured, or is not meant as it may seem."""
        training = self.training_config
        if "state_space" in self.others():
            yield "state_space is not used: pressure, CPU, memory and network counters are always recorded"
        if others := [name for name in self.others() if name != "state_space"]:
            yield f"not used: {', '.join(others)}"
        if unused := training.others():
            yield f"training_config: {', '.join(unused)} are settings of PPO and not used; optimizer: auto"
        if training.total_timesteps:
            yield f"training_config.total_timesteps is taken as a budget of {training.total_timesteps} trials"
        for index, action in enumerate(self.action_space):
            if unused := action.others():
                yield f"action_space[{index}]: {', '.join(unused)} not used"
        if any(word in self.reward_metric.lower() for word in SMALLER_IS_BETTER):
            yield f"{self.reward_metric} is maximized, as this format has it; a plan file can minimize it"


def is_foreign(document: Mapping[str, object]) -> bool:
    """Returns whether a document is such a file and not a plan."""
    return not TELLING.isdisjoint(document) and "knobs" not in document and "objective" not in document


FOREIGN_FIELDS = (
    ("workload.name", "workload_name"),
    ("goal", "workload_name"),
    ("objective.metric", "reward_metric"),
    ("budget", "training_config"),
    ("knobs[", "action_space["),
)
"""Fields of a plan with those that they were made of."""

FOREIGN_ENDS = {".knob": ".param", ".low": ".min", ".high": ".max"}


def foreign_field(name: str) -> str:
    """Returns the name which a plan's field has in such a file: `action_space[0].min` for `knobs[0].low`."""
    for ours, theirs in FOREIGN_FIELDS:
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
    for ours, theirs in FOREIGN_ENDS.items():
        name = name.removesuffix(ours) + theirs if name.endswith(ours) else name
    return name


def as_plan(document: Mapping[str, object]) -> dict[str, object]:
    """Returns the plan file that says the same; what is ill-typed is carried over, to be found there."""
    actions, training = document.get("action_space"), document.get("training_config")
    metric = {"name": document.get("reward_metric"), "direction": str(Direction.MAXIMIZE)}
    options = {"command": document.get("benchmark_command"), "reader": "lines", "metrics": [metric]}
    budget: dict[str, object] = {}
    if isinstance(training, dict):
        budget, timeout_s = _budget(training)
        options |= {"timeout_s": timeout_s} if timeout_s else {}
    return {
        "goal": document.get("workload_name"),
        "workload": {"name": "command", "options": options},
        "objective": {"metric": metric["name"], "direction": metric["direction"]},
        "knobs": [_knob(action) for action in (actions if isinstance(actions, list) else [])],
        "budget": budget,
    }


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
    bounds = {"low": action.get("min"), "high": action.get("max"), "values": action.get("values")}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    reason = action.get("description", "")
    return {"knob": action.get("param"), **given, "reason": reason, "source": "the configuration file"}
