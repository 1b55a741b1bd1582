"""Says what is wrong with picks and configs before any target exists. Pure: no readings, no kernel."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise

from kerntune.catalog.danger import plain_name
from kerntune.catalog.loader import Catalog
from kerntune.catalog.mark import touching
from kerntune.errors import Fault
from kerntune.model.knob import Choice, Config, Constraint, Domain, Knob, Range
from kerntune.model.plan import Pick

CLOSE = 0.8
"""How alike two names must be (difflib's ratio) for one to be offered in place of the other."""


def pick_faults(catalog: Catalog, picks: Sequence[Pick]) -> list[Fault]:
    """Returns every fault of a plan's picks that can be seen without a target.

    Unknown, dangerous, vanished and read-only knobs, knobs picked twice, bounds and values of the wrong type,
    the wrong way round or outside the catalogue's domain, picks that exclude each other, and ranges that no
    order could satisfy. Fields are named `knobs[2].low`.
    """
    faults: list[Fault] = []
    domains: dict[str, Domain] = {}
    for number, pick in enumerate(picks):
        where = f"knobs[{number}]"
        knob = catalog.find(pick.knob)
        problem = name_problem(catalog, pick.knob)
        if pick.knob in domains:
            first = next(index for index, other in enumerate(picks) if other.knob == pick.knob)
            problem = f"is picked twice: it is knobs[{first}] already"
        if problem or knob is None:
            faults.append(Fault(f"{where}.knob", pick.knob, problem))
            continue
        found = list(_bound_faults(knob, pick, where))
        faults += found
        domains[pick.knob] = knob.domain if found else narrowed(knob.domain, pick)
    faults += _joint_faults(catalog, picks, domains)
    return faults


def config_faults(catalog: Catalog, config: Config, where: str) -> list[Fault]:
    """Returns every fault of a config: names, values, and the constraints among the knobs it gives.

    `where` is what the config is called in its file (`hints[0].config`).
    """
    faults = []
    for name, value in config.items():
        knob = catalog.find(name)
        problem = name_problem(catalog, name)
        if not problem and knob is not None and value not in knob.domain:
            problem = f"is outside {knob.domain}"
        if problem:
            faults.append(Fault(f"{where}.{name}", value, problem))
    for constraint in touching(catalog.constraints, config):
        broken = breach(constraint, config)
        if broken:
            faults.append(
                Fault(where, {name: config[name] for name in constraint.knobs if name in config}, broken)
            )
    return faults


def name_problem(catalog: Catalog, name: str) -> str:
    """Returns why a plan may not name this knob, with what it may have meant; empty if it may."""
    gone, danger = catalog.gone(name), catalog.danger(name)
    if gone is not None:
        return f"left the kernel in {gone.release}; instead: {gone.instead}"
    if danger is not None:
        return f"is never written: {danger.reason}"
    known = catalog.find(name)
    if known is None:
        return _unknown(catalog, name)
    return "is only read, never tuned" if known.read_only else ""


def _unknown(catalog: Catalog, name: str) -> str:
    plain = plain_name(name)
    members = [knob.name for knob in catalog.knobs.values() if knob.members and knob.file == plain]
    if members:
        return f"is a vector: name one of its members, {', '.join(members)}"
    if plain != name and catalog.find(plain) is not None:
        return f"is not how knobs are named: write {plain}"
    close = get_close_matches(name, catalog.knobs, n=3, cutoff=CLOSE)
    return f"is not in the catalogue; close to it: {', '.join(close)}" if close else "is not in the catalogue"


def _bound_faults(knob: Knob, pick: Pick, where: str) -> Iterator[Fault]:
    bounds = {"low": pick.low, "high": pick.high}
    given = {key: bound for key, bound in bounds.items() if bound is not None}
    if given and pick.values:
        yield Fault(f"{where}.values", pick.values, "cannot be given together with low or high")
    for key, bound in given.items():
        if isinstance(knob.domain, Choice):
            yield Fault(f"{where}.{key}", bound, f"does not fit a choice; give values, {knob.domain}")
        elif bound not in knob.domain:
            yield Fault(f"{where}.{key}", bound, f"is outside {knob.domain}")
    if given.keys() == bounds.keys() and all(type(bound) is int for bound in given.values()):
        yield from _inverted(pick, where)
    for index, value in enumerate(pick.values):
        if value not in knob.domain:
            yield Fault(f"{where}.values[{index}]", value, f"is outside {knob.domain}")
        elif value in pick.values[:index]:
            yield Fault(f"{where}.values[{index}]", value, "is given twice")


def _inverted(pick: Pick, where: str) -> Iterator[Fault]:
    if pick.low is not None and pick.high is not None and pick.low > pick.high:
        yield Fault(f"{where}.low", pick.low, f"is above high, {pick.high}")


def narrowed(domain: Domain, pick: Pick) -> Domain:
    """Returns a domain with a faultless pick's bounds or values applied.

    Special values stay only while the bounds include them.
    """
    if pick.values:
        return Choice(pick.values)
    if isinstance(domain, Choice) or (pick.low is None and pick.high is None):
        return domain
    low = min(_numbers(domain)) if pick.low is None else pick.low
    high = max(_numbers(domain)) if pick.high is None else pick.high
    special = tuple(value for value in domain.special if low <= value <= high)
    return cut(replace(domain, special=special), low, high)


def cut(domain: Domain, low: int | None, high: int | None) -> Domain:
    """Returns the part of a domain of numbers between two bounds; special values stay.

    What is left of a range is a choice when it is a single value, special ones alone, or nothing.
    """
    low = min(_numbers(domain), default=0) if low is None else low
    high = max(_numbers(domain), default=0) if high is None else high
    if isinstance(domain, Choice):
        return Choice(
            tuple(value for value in domain.values if isinstance(value, int) and low <= value <= high)
        )
    low, high = max(domain.low, low), min(domain.high, high)
    if low < high:
        return replace(domain, low=low, high=high)
    return Choice(tuple(sorted({*domain.special, *([low] if low == high else [])})))


def _joint_faults(catalog: Catalog, picks: Sequence[Pick], domains: Mapping[str, Domain]) -> Iterator[Fault]:
    number = {pick.knob: index for index, pick in reversed(list(enumerate(picks)))}
    for constraint in touching(catalog.constraints, domains):
        mine = [name for name in constraint.knobs if name in domains]
        if constraint.kind == "exclusive" and len(mine) > 1:
            problem = f"excludes {mine[0]}: {constraint.reason}"
            yield Fault(f"knobs[{number[mine[1]]}].knob", mine[1], problem)
        if constraint.kind == "order":
            for before, after in pairwise(mine):
                low = min(_numbers(domains[before]), default=0)
                high = max(_numbers(domains[after]), default=low)
                if low > high:
                    problem = f"is below every value of {before}, whose least is {low}: {constraint.reason}"
                    yield Fault(f"knobs[{number[after]}].high", high, problem)


def _numbers(domain: Domain) -> tuple[int, ...]:
    if isinstance(domain, Range):
        return domain.low, domain.high, *domain.special
    return tuple(value for value in domain.values if isinstance(value, int))


def breach(constraint: Constraint, values: Config) -> str:
    """Returns how values break a constraint, or an empty text; knobs that have no value break nothing.

    A 0 is no size in an order: it says "automatic", or "the other one of the pair rules".
    """
    given = [(name, values[name]) for name in constraint.knobs if name in values]
    match constraint.kind:
        case "order":
            for (before, less), (after, more) in pairwise(given):
                if isinstance(less, int) and isinstance(more, int) and less > more != 0:
                    return f"{before} must not be above {after}: {constraint.reason}"
        case "exclusive" if len(given) > 1:
            return f"{given[0][0]} and {given[1][0]} exclude each other: {constraint.reason}"
        case "requires":
            first, *others = constraint.knobs
            lacking = [name for name in others if name in values and values[name] not in constraint.values]
            if first in values and lacking:
                wanted = " or ".join(map(str, constraint.values))
                return f"{first} needs {lacking[0]} = {wanted}: {constraint.reason}"
    return ""
