"""Loads plan files: all faults of a file at once, or a plan with notes."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kerntune.catalog import Catalog
from kerntune.errors import Fault, PlanError
from kerntune.model.plan import Plan
from kerntune.planfile.check import Known, meaning_faults
from kerntune.planfile.foreign import ForeignShape, as_plan, foreign_field, is_foreign
from kerntune.planfile.shape import PlanShape
from kerntune.planfile.text import parse, read
from kerntune.planfile.wording import shape_faults, shortened

ShapeT = TypeVar("ShapeT", bound=BaseModel)

HINT = "docs/reference/plan.md describes every field; kerntune knobs search WORD finds knobs"


def load_plan(path: Path, catalog: Catalog, known: Known) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan in a file, and notes on what of it cannot be honoured.

    Raises:
        PlanError: the file cannot be read; or every fault of it, with field, value and problem.
    """
    return parse_plan(read(path), catalog, known, source=str(path))


def parse_plan(
    text: str, catalog: Catalog, known: Known, *, source: str = "plan"
) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan that a text describes, and notes; `source` names the text in errors.

    Raises:
        PlanError: every fault of it, with field, value and problem.
    """
    document, faults = parse(text, source)
    if not isinstance(document, dict):
        found = Fault("file", shortened(document), "must be an object with the fields of a plan")
        raise PlanError(source, [found], hint=HINT)
    notes: tuple[str, ...] = ()
    if is_foreign(document):
        foreign, wrong = _shaped(ForeignShape, document)
        draft = as_plan(document)
        meant = [replace(fault, field=foreign_field(fault.field)) for fault in _meant(draft, catalog, known)]
        notes = tuple(foreign.notes()) if foreign else ()
        document = draft
    else:
        _, wrong = _shaped(PlanShape, document)
        meant = list(meaning_faults(document, catalog, known))
    _refuse([*faults, *wrong, *meant], source)
    return PlanShape.model_validate(document).plan(), notes


def _meant(draft: dict[str, object], catalog: Catalog, known: Known) -> list[Fault]:
    """Returns the faults of a plan that another format was made into, those of its shape included."""
    return [*meaning_faults(draft, catalog, known), *_shaped(PlanShape, draft)[1]]


def _shaped(shape: type[ShapeT], document: dict[str, object]) -> tuple[ShapeT | None, list[Fault]]:
    try:
        return shape.model_validate(document), []
    except ValidationError as error:
        return None, shape_faults(error, shape)


def _refuse(faults: list[Fault], source: str) -> None:
    """Raises every fault, one for each field: the first one found is the most basic."""
    first = {fault.field: fault for fault in reversed(faults)}
    if first:
        kept = [fault for fault in faults if first[fault.field] is fault]
        raise PlanError(source, [replace(fault, value=shortened(fault.value)) for fault in kept], hint=HINT)
