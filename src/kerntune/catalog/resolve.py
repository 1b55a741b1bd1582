"""Brings a plan's picks and a target's readings together: the space, and what was left out and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kerntune.catalog.check import breach, cut, narrowed, pick_faults
from kerntune.catalog.loader import Catalog
from kerntune.catalog.mark import mark_of, touching
from kerntune.errors import Fault, PlanError
from kerntune.model.knob import (
    Absence,
    AbsenceReason,
    Choice,
    Config,
    Constraint,
    Domain,
    Knob,
    Range,
    Reading,
    Value,
)
from kerntune.model.plan import Pick
from kerntune.model.space import Dimension, Space

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Resolution:
    """The space to search, what is not in it, and what the target changed about the rest.

    `left_out` are picks that are absent here or have nothing to turn. `notes` says, one line each, where a
    range or choice that the plan gave had to be cut.
    """

    space: Space
    left_out: tuple[tuple[str, Absence], ...] = ()
    notes: tuple[str, ...] = ()


def names_to_read(catalog: Catalog, picks: Sequence[Pick]) -> tuple[str, ...]:
    """Returns the names whose readings `resolve` uses; unknown picks are passed over.

    The picks, the other members of their files, the other knobs of their constraints, and the lists that
    bound their choices.
    """
    picked = [knob for pick in picks if (knob := catalog.find(pick.knob)) is not None]
    names = dict.fromkeys(member.name for knob in picked for member in catalog.siblings(knob))
    names |= dict.fromkeys(source for knob in picked for source in knob.choices_from)
    chosen = {knob.name for knob in picked}
    for constraint in touching(catalog.constraints, chosen):
        names |= dict.fromkeys(constraint.knobs)
    return tuple(names)


def resolve(
    catalog: Catalog,
    picks: Sequence[Pick],
    readings: Mapping[str, Reading],
    *,
    source: str = "plan",
    circumstances: Mapping[str, str] = NONE,
) -> Resolution:
    """Returns the picks as they exist on a target, their domains narrowed by plan and target.

    `readings` are the target's, for `names_to_read`. A dimension's domain is what may be tried; the present
    value may lie outside it. Where a knob is never set below its default, the present value is the floor.
    `source` is the plan's name in errors. `circumstances` are those of the host ("no swap" and the like, each
    with its reason): knobs that do nothing in them are left out. Templates are `expanded` before.

    Raises:
        PlanError: every fault of the picks; or, when nothing is left of them, why each was left out.
    """
    faults = [*pick_faults(catalog, picks), *_unfilled(picks)]
    if faults:
        raise PlanError(
            source, faults, hint="`kerntune knobs search` finds names, `kerntune knobs show` domains"
        )
    outcomes = {pick.knob: _outcome(catalog, pick, readings, circumstances) for pick in picks}
    dimensions = {name: found for name, found in outcomes.items() if isinstance(found, Dimension)}
    constraints = touching(catalog.constraints, outcomes)
    idle = _settle(constraints, dimensions, readings)
    absent = {name: found for name, found in outcomes.items() if isinstance(found, Absence)} | idle
    left_out = tuple((pick.knob, absent[pick.knob]) for pick in picks if pick.knob in absent)
    if not dimensions:
        number = {pick.knob: index for index, pick in enumerate(picks)}
        faults = [Fault(f"knobs[{number[name]}].knob", name, why.detail) for name, why in left_out]
        is_elsewhere = {why.reason for _, why in left_out} == {AbsenceReason.NAMESPACE}
        raise PlanError(
            source,
            faults or [Fault("knobs", (), "names no knob")],
            hint="these are the machine's own knobs: --target host turns them"
            if is_elsewhere
            else "`kerntune doctor` says what can be tuned",
        )
    notes = tuple(line for pick in picks for line in _note(pick, dimensions.get(pick.knob)))
    return Resolution(_space(constraints, dimensions, readings), left_out, notes)


def outside(space: Space, config: Config, where: str) -> list[Fault]:
    """Returns what keeps a config from being tried on a resolved space: names, values, constraints.

    Unlike `config_faults` this knows the target: floors at the present values, and fixed neighbours.
    """
    dimensions = {dimension.knob.name: dimension for dimension in space}
    faults = []
    for name, value in config.items():
        dimension = dimensions.get(name)
        if dimension is None:
            faults.append(Fault(f"{where}.{name}", value, "is not searched on this target"))
        elif value != dimension.present and value not in dimension.domain:
            faults.append(Fault(f"{where}.{name}", value, f"is outside {dimension.domain} on this target"))
    values = {**space.default, **dict(space.neighbours), **config}
    broken = (breach(constraint, values) for constraint in space.constraints)
    return faults + [Fault(where, dict(config), problem) for problem in broken if problem]


# --- one pick ---------------------------------------------------------------------------------------------


def _unfilled(picks: Sequence[Pick]) -> Iterator[Fault]:
    for number, pick in enumerate(picks):
        mark = mark_of(pick.knob)
        if mark is not None:
            example = pick.knob.replace(mark.text, mark.example)
            problem = f"needs a {mark.what} in place of {mark.text}: {example}"
            yield Fault(f"knobs[{number}].knob", pick.knob, problem)


def _outcome(
    catalog: Catalog, pick: Pick, readings: Mapping[str, Reading], circumstances: Mapping[str, str]
) -> Dimension | Absence:
    knob = catalog.find(pick.knob)
    present = readings.get(pick.knob)
    if knob is None or present is None:
        return Absence(AbsenceReason.UNKNOWN, "the target gave no reading")
    if isinstance(present, Absence):
        return present
    for circumstance in knob.inert_when:
        if circumstance in circumstances:
            return Absence(AbsenceReason.INERT, f"does nothing here: {circumstances[circumstance]}")
    if not _has_type(knob.domain, present):
        return Absence(AbsenceReason.UNKNOWN, f"reads {present!r}, which is no value of its type")
    domain = _offered(knob, _with_present(knob.domain, narrowed(knob.domain, pick), present), readings)
    return Dimension(knob, _above_present(knob.domain, domain, present), present)


def _with_present(catalogued: Domain, domain: Domain, present: Value) -> Domain:
    """Returns a domain in which a present value with a meaning of its own (-1, no limit) may stay.

    Bounds cut it off, and every config would change the knob, also those that are about others.
    """
    if not isinstance(catalogued, Range) or not isinstance(domain, Range) or not isinstance(present, int):
        return domain
    if present in domain or present not in catalogued.special:
        return domain
    return replace(domain, special=(*domain.special, present))


def _has_type(domain: Domain, value: Value) -> bool:
    words = isinstance(domain, Choice) and all(isinstance(known, str) for known in domain.values)
    return isinstance(value, str) if words else isinstance(value, int) and not isinstance(value, bool)


def _offered(knob: Knob, domain: Domain, readings: Mapping[str, Reading]) -> Domain:
    for source in knob.choices_from:
        offer = readings.get(source)
        if isinstance(offer, str) and isinstance(domain, Choice):
            words = offer.split()
            domain = Choice(tuple(value for value in domain.values if value in words))
    return domain


def _above_present(catalogued: Domain, domain: Domain, present: Value) -> Domain:
    if not isinstance(catalogued, Range) or not catalogued.never_below_default:
        return domain
    if not isinstance(present, int) or present in catalogued.special:
        return domain
    return cut(domain, present, None)


# --- all of them ------------------------------------------------------------------------------------------


def _settle(
    constraints: Sequence[Constraint], dimensions: dict[str, Dimension], readings: Mapping[str, Reading]
) -> dict[str, Absence]:
    """Cuts the dimensions by what stays fixed and takes out those with nothing to turn, until none is left.

    What is taken out stays at its present value, and so becomes fixed for the others.
    """
    idle: dict[str, Absence] = {}
    while True:
        for name, dimension in dimensions.items():
            dimensions[name] = _between(constraints, dimension, dimensions, readings)
        found = {
            name: Absence(AbsenceReason.INERT, why)
            for name, dimension in dimensions.items()
            if (why := _idle(constraints, dimension, dimensions, readings))
        }
        if not found:
            return idle
        idle |= found
        for name in found:
            del dimensions[name]


def _between(
    constraints: Sequence[Constraint],
    dimension: Dimension,
    dimensions: Mapping[str, Dimension],
    readings: Mapping[str, Reading],
) -> Dimension:
    for constraint in constraints:
        if constraint.kind == "order" and dimension.knob.name in constraint.knobs:
            place = constraint.knobs.index(dimension.knob.name)
            before = _fixed(constraint.knobs[:place], dimensions, readings)
            after = _fixed(constraint.knobs[place + 1 :], dimensions, readings)
            low, high = max(before, default=None), min(after, default=None)
            dimension = replace(dimension, domain=cut(dimension.domain, low, high))
    return dimension


def _fixed(
    names: Sequence[str], dimensions: Mapping[str, Dimension], readings: Mapping[str, Reading]
) -> list[int]:
    values = (readings.get(name) for name in names if name not in dimensions)
    return [value for value in values if isinstance(value, int) and value != 0]  # 0 is no size: see breach


def _idle(
    constraints: Sequence[Constraint],
    dimension: Dimension,
    dimensions: Mapping[str, Dimension],
    readings: Mapping[str, Reading],
) -> str:
    """Returns why turning a knob would change nothing here; empty if it would."""
    name, domain, present = dimension.knob.name, dimension.domain, dimension.present
    if isinstance(domain, Choice) and not domain.values:
        return f"is {present} here, and nothing else may be tried: {_why_nothing(dimension)}"
    if domain == Choice((present,)):
        return f"is {present} already, the only value to try here"
    for constraint in constraints:
        if constraint.kind == "requires" and constraint.knobs[0] == name:
            fixed = {other: readings.get(other) for other in constraint.knobs[1:] if other not in dimensions}
            known = {other: value for other, value in fixed.items() if isinstance(value, int | str)}
            broken = breach(constraint, {name: present, **known})
            if broken:
                return broken
    return ""


def _why_nothing(dimension: Dimension) -> str:
    domain = dimension.knob.domain
    if isinstance(domain, Range) and domain.never_below_default:
        return "it is never set below the present value"
    if dimension.knob.choices_from:
        return "the target offers none of the others"
    return "its neighbours' present values leave no room"


def _note(pick: Pick, dimension: Dimension | None) -> Iterator[str]:
    given = pick.values or pick.low is not None or pick.high is not None
    if dimension is not None and given:
        wanted = narrowed(dimension.knob.domain, pick)
        if dimension.domain != wanted:
            yield f"{pick.knob}: {dimension.domain} on this target, instead of {wanted}"


def _space(
    found: Sequence[Constraint], dimensions: Mapping[str, Dimension], readings: Mapping[str, Reading]
) -> Space:
    constraints = tuple(kept for constraint in found if (kept := _kept(constraint, dimensions, readings)))
    neighbours = {
        name: value
        for constraint in constraints
        for name in constraint.knobs
        if name not in dimensions and isinstance(value := readings[name], int | str)
    }
    return Space(tuple(dimensions.values()), constraints, tuple(neighbours.items()))


def _kept(
    constraint: Constraint, dimensions: Mapping[str, Dimension], readings: Mapping[str, Reading]
) -> Constraint | None:
    """Returns what is left of a constraint here: its searched knobs; of an order the fixed sizes too."""
    names = [name for name in constraint.knobs if isinstance(readings.get(name), int | str)]
    if constraint.kind == "order":
        names = [name for name in names if name in dimensions or readings[name] != 0]
    else:
        names = [name for name in names if name in dimensions]
    if len(names) < 2 or not any(name in dimensions for name in names):
        return None
    if constraint.kind in ("requires", "disturbs") and names[0] != constraint.knobs[0]:
        return None
    return replace(constraint, knobs=tuple(names))
