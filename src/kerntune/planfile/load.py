"""Loads plan files: all faults of a file at once, or a plan with notes."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from kerntune.catalog import Catalog
from kerntune.errors import Fault, PlanError
from kerntune.model.plan import Plan
from kerntune.planfile.check import Known, meaning_faults
from kerntune.planfile.conversion import foreign_draft
from kerntune.planfile.draft import Draft
from kerntune.planfile.fitting import without_missing
from kerntune.planfile.foreign import ForeignShape
from kerntune.planfile.shape import STAND_INS, PlanShape, dump_plan
from kerntune.planfile.sound import sound
from kerntune.planfile.text import parse, read
from kerntune.planfile.wording import field_names, shortened

OURS, THEIRS = frozenset(field_names(PlanShape)), frozenset(field_names(ForeignShape))
"""The fields of the two formats; some are in both."""

PLAN_PAGE, TUNER_PAGE = "docs/reference/plan.md", "docs/guides/reinforcement-learning-configs.md"

MOST_FIELDS = 1000
"""As many fields are looked at to tell the formats apart."""

NEITHER = (
    "has no field of a plan (goal, workload, objective, knobs) and none of a tuner's config "
    "(workload_name, reward_metric, benchmark_command, action_space)"
)


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
        known: The names of plug-ins, and what these have to say about a plan.
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
        raise PlanError(source, [found], hint=_hint(PLAN_PAGE))
    ours, theirs = _alike(document, OURS - THEIRS), _alike(document, THEIRS - OURS)
    if not ours and not theirs:
        found = Fault("file", shortened(document), NEITHER)
        raise PlanError(source, [found], hint=_hint(f"{PLAN_PAGE} and {TUNER_PAGE}"))
    is_tuners = theirs > ours
    draft = foreign_draft(document, catalog, directory) if is_tuners else _draft(document)
    if skip_missing:
        draft = without_missing(draft, catalog)
    meant = filter(None, map(draft.named, meaning_faults(draft.plan, catalog, known)))
    _refuse([*faults, *draft.faults, *meant], source, _hint(TUNER_PAGE if is_tuners else PLAN_PAGE))
    return draft.plan, draft.notes


def check_plan(plan: Plan, catalog: Catalog, known: Known, *, source: str = "plan") -> Plan:
    """Returns a plan that was not read from a file, after the same checks.

    Raises:
        PlanError: every fault of it, with field, value and problem.
    """
    parse_plan(dump_plan(plan, allow_nan=True), catalog, known, source=source)
    return plan


def _hint(page: str) -> str:
    return f"{page} describes every field; kerntune knobs search WORD finds knobs"


def _alike(document: Mapping[str, object], fields: frozenset[str]) -> int:
    """Returns how many of a document's fields are, or are meant to be, some that one format alone has."""
    meant = (get_close_matches(name, OURS | THEIRS, 1, 0.8) for name in islice(document, MOST_FIELDS))
    return sum(not fields.isdisjoint(close) for close in meant)


def _draft(document: Mapping[str, object]) -> Draft:
    """Returns the draft of a plan file."""
    found = sound(PlanShape, document, STAND_INS)
    lists = ("knobs", "hints", "guards", "also", "state")
    names = {name: [f"{name}[{index}]" for index in found.places.get(name, ())] for name in lists}
    return Draft(found.shape.plan(), names, tuple(found.faults))


def _refuse(faults: list[Fault], source: str, hint: str) -> None:
    """Raises every fault, one for each field: the first one found is the most basic."""
    first = {fault.field: fault for fault in reversed(faults)}
    if first:
        kept = [fault for fault in faults if first[fault.field] is fault]
        raise PlanError(source, [replace(fault, value=shortened(fault.value)) for fault in kept], hint=hint)
