"""Options of workloads: checked once, every fault at the same time."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kerntune.errors import Fault, PlanError

Checked = TypeVar("Checked", bound="Options")


class Options(BaseModel):
    """What a workload can be told. Unknown names and values of another type are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def check(
    model: type[Checked], options: Mapping[str, object], workload: str, *, context: object = None
) -> Checked:
    """Returns the options as their model has them; `context` is handed to the model's validators.

    Raises:
        PlanError: every fault, each with its field and value.
    """
    try:
        return model.model_validate(dict(options), context=context)
    except ValidationError as error:
        faults = [_fault(found, model) for found in error.errors(include_url=False, include_context=False)]
        source = f"options of workload {workload}"
        raise PlanError(source, faults) from error


def _fault(found: Mapping[str, object], model: type[Options]) -> Fault:
    """Returns a fault of pydantic's in our words."""
    location = found["loc"]
    assert isinstance(location, tuple)
    field = ".".join(str(step) for step in location) or "options"
    if found["type"] == "missing":
        return Fault(field, None, "missing")
    if found["type"] == "extra_forbidden" and len(location) == 1:
        return Fault(field, found["input"], f"unknown option; there are {', '.join(model.model_fields)}")
    return Fault(field, found["input"], str(found["msg"]).removeprefix("Value error, "))
