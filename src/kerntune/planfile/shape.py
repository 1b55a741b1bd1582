"""The shape of a plan file: fields, types and bounds, as pydantic models, and its JSON Schema."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticCustomError

from kerntune.errors import KerntuneBug
from kerntune.model.plan import Budget, Direction, Guard, Hint, Objective, Pick, Plan, Reward, WorkloadChoice

SCHEMA_ID = "urn:kerntune:plan:1"
"""What `$schema` says in the files we write; the schema itself is docs/reference/plan.schema.json."""

LARGEST_SEED = 2**32 - 1  # what numpy's generators take


def _value(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        kind = "knob_value"
        raise PydanticCustomError(kind, "must be a whole number or a word")
    return value


Text = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"\S")]
Remark = Annotated[str, Field(max_length=10_000)]
KnobValue = Annotated[int | str, BeforeValidator(_value)]
Options = dict[str, JsonValue]


def _title(shape: type) -> str:
    return shape.__name__.removesuffix("Shape")


class _Shape(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, model_title_generator=_title
    )


class WorkloadShape(_Shape):
    """What is measured: a registered workload and its options."""

    name: Text
    options: Options = {}


class ObjectiveShape(_Shape):
    """The metric to improve. A gain below `smallest_gain` (a fraction) is not worth having."""

    metric: Text
    direction: Annotated[Direction, Field(strict=False)]
    smallest_gain: Annotated[float, Field(ge=0, lt=1)] = 0.02


class PickShape(_Shape):
    """A knob to tune, by the catalogue's name. `low` and `high`, or `values`, narrow its domain."""

    knob: Text
    low: int | None = None
    high: int | None = None
    values: Annotated[list[KnobValue], Field(max_length=1000)] = []
    reason: Remark = ""
    source: Remark = ""


class HintShape(_Shape):
    """A starting point of the search: values for some of the knobs, the rest stay as they are."""

    config: Annotated[dict[str, KnobValue], Field(min_length=1)]
    reason: Remark = ""


class GuardShape(_Shape):
    """A metric that must not get worse than `limit` times its neighbour at the present values."""

    metric: Text
    direction: Annotated[Direction, Field(strict=False)]
    limit: Annotated[float, Field(gt=0)]
    reason: Remark = ""


class RewardShape(_Shape):
    """What the search is told: performance and stability weighed, both relative to the present values."""

    performance: Annotated[float, Field(ge=0, le=1000)] = 1.0
    stability: Annotated[float, Field(ge=0, le=1000)] = 0.0
    definition: Literal["spread", "pressure"] = "spread"


class BudgetShape(_Shape):
    """What the study may spend: trials of the search, and seconds for everything."""

    trials: Annotated[int, Field(ge=1, le=100_000)] = 20
    time_s: Annotated[float, Field(gt=0, le=30 * 86_400)] = 900.0


class PlanShape(_Shape):
    """One study to be carried out."""

    schema_id: Annotated[str, Field(alias="$schema")] = SCHEMA_ID
    version: Literal[1] = 1
    goal: Text
    workload: WorkloadShape
    objective: ObjectiveShape
    knobs: Annotated[list[PickShape], Field(min_length=1, max_length=100)]
    hints: Annotated[list[HintShape], Field(max_length=100)] = []
    guards: Annotated[list[GuardShape], Field(max_length=100)] = []
    budget: BudgetShape = BudgetShape()
    target: Text = "netns"
    target_options: Options = {}
    optimizer: Text = "auto"
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    planner: Text = "file"
    optimizer_options: Options = {}
    reward: RewardShape = RewardShape()
    also: Annotated[list[ObjectiveShape], Field(max_length=10)] = []
    state: Annotated[list[Text], Field(max_length=100)] = []

    def plan(self) -> Plan:
        """Returns the plan that the file describes."""
        return Plan(
            goal=self.goal,
            workload=WorkloadChoice(self.workload.name, self.workload.options),
            objective=Objective(**dict(self.objective)),
            picks=tuple(Pick(**{**dict(pick), "values": tuple(pick.values)}) for pick in self.knobs),
            hints=tuple(Hint(**dict(hint)) for hint in self.hints),
            guards=tuple(Guard(**dict(guard)) for guard in self.guards),
            budget=Budget(**dict(self.budget)),
            target=self.target,
            target_options=self.target_options,
            optimizer=self.optimizer,
            seed=self.seed,
            planner=self.planner,
            optimizer_options=self.optimizer_options,
            reward=Reward(**dict(self.reward)),
            also=tuple(Objective(**dict(objective)) for objective in self.also),
            state=tuple(self.state),
        )


class _Untitled(GenerateJsonSchema):
    """A schema whose fields have no titles besides their names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


STAND_INS: Mapping[str, object] = {
    "goal": "?",
    "workload": {"name": "?"},
    "objective": {"metric": "?", "direction": "maximize"},
    "knobs": [{"knob": "?"}],
}
"""What stands for required fields that are missing or faulty, while the rest is looked at."""


def dump_plan(plan: Plan, *, allow_nan: bool = False) -> str:
    """Returns a plan as the text of a plan file: two-space JSON, fields always in the same order.

    With `allow_nan` also numbers that JSON does not have, to be found as faults when it is read.

    Raises:
        KerntuneBug: its options hold what JSON has no word for.
    """
    document = {
        "$schema": SCHEMA_ID,
        "version": 1,
        "goal": plan.goal,
        "workload": {"name": plan.workload.name, "options": plan.workload.options},
        "objective": asdict(plan.objective),
        "knobs": [_pick(pick) for pick in plan.picks],
        "hints": [{"config": dict(hint.config), "reason": hint.reason} for hint in plan.hints],
        "guards": [asdict(guard) for guard in plan.guards],
        "budget": asdict(plan.budget),
        "target": plan.target,
        "target_options": plan.target_options,
        "optimizer": plan.optimizer,
        "seed": plan.seed,
        "planner": plan.planner,
        "optimizer_options": plan.optimizer_options,
        "reward": asdict(plan.reward),
        "also": [asdict(objective) for objective in plan.also],
        "state": list(plan.state),
    }
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=allow_nan, default=_plain) + "\n"
    except (TypeError, ValueError) as error:
        msg = f"cannot print the plan of {plan.planner}: {error}"
        raise KerntuneBug(msg, hint="a plan's options hold JSON values only") from error
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate becomes JSON's own escape


def schema() -> str:
    """Returns the JSON Schema of plan files as text, as published in docs/reference/plan.schema.json."""
    made = PlanShape.model_json_schema(by_alias=True, schema_generator=_Untitled)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return json.dumps({**head, **made}, indent=2) + "\n"


def _pick(pick: Pick) -> dict[str, object]:
    narrowing = {"low": pick.low, "high": pick.high, "values": pick.values or None}
    given = {name: bound for name, bound in narrowing.items() if bound is not None}
    return {"knob": pick.knob, **given, "reason": pick.reason, "source": pick.source}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{value!r} is no JSON value"
    raise TypeError(msg)
