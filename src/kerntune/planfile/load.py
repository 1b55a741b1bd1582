"""Loads plan files: all faults of a file at once, or a plan with notes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kerntune.catalog import Catalog
from kerntune.errors import Fault, PlanError
from kerntune.model.plan import Plan
from kerntune.planfile.check import Known, meaning_faults
from kerntune.planfile.fitting import cut_to_catalog, is_about, missing, without
from kerntune.planfile.foreign import ForeignShape, as_plan, foreign_field, is_foreign, metric_faults
from kerntune.planfile.shape import PlanShape
from kerntune.planfile.text import parse, read
from kerntune.planfile.wording import shape_faults, shortened

ShapeT = TypeVar("ShapeT", bound=BaseModel)

HINT = "docs/reference/plan.md describes every field; kerntune knobs search WORD finds knobs"


def load_plan(
    path: Path,
    catalog: Catalog,
    known: Known,
    *,
    skip_missing: bool = False,
    directory: Path | None = None,
) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan in a file, and notes on what of it cannot be honoured.

    Args:
        path: The file.
        catalog: The knobs there are.
        known: The names of plug-ins.
        skip_missing: Leaves out knobs that have left the kernel or are unknown, with a note for each.
        directory: Where the benchmark command of a reinforcement-learning config runs; the target's own
            choice if not given.

    Raises:
        PlanError: the file cannot be read; or every fault of it, with field, value and problem.
    """
    return parse_plan(
        read(path), catalog, known, source=str(path), skip_missing=skip_missing, directory=directory
    )


def parse_plan(
    text: str,
    catalog: Catalog,
    known: Known,
    *,
    source: str = "plan",
    skip_missing: bool = False,
    directory: Path | None = None,
) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan that a text describes, and notes, as `load_plan`; `source` names the text in errors.

    Raises:
        PlanError: every fault of it, with field, value and problem.
    """
    document, faults = parse(text, source)
    if not isinstance(document, dict):
        found = Fault("file", shortened(document), "must be an object with the fields of a plan")
        raise PlanError(source, [found], hint=HINT)
    notes: list[str] = []
    rename: Callable[[str], str] = str
    if is_foreign(document):
        shape, wrong = _shaped(ForeignShape, document)
        notes += shape.notes() if shape else ()
        wrong += metric_faults(document)
        document, rename = as_plan(document, directory), foreign_field
        notes += cut_to_catalog(document, catalog)
        meant = _meant(document, catalog, known)
    else:
        _, wrong = _shaped(PlanShape, document)
        meant = list(meaning_faults(document, catalog, known))
    if skip_missing:
        document, meant, skipped = _skipped(document, meant, catalog)
        notes += skipped
    _refuse([*faults, *wrong, *(replace(fault, field=rename(fault.field)) for fault in meant)], source)
    return PlanShape.model_validate(document).plan(), tuple(notes)


def _skipped(
    document: dict[str, object], faults: list[Fault], catalog: Catalog
) -> tuple[dict[str, object], list[Fault], list[str]]:
    """Returns a document without its missing knobs, its other faults, and notes; as it is if none is left."""
    gone = missing(document, catalog)
    rest = without(document, gone)
    if not gone or not rest["knobs"]:
        return document, faults, []
    others = [fault for fault in faults if not is_about(fault, document, gone)]
    return rest, others, [f"left out {name}: {problem}" for name, problem in gone.items()]


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
