"""Makes knobs, constraints and dangers of the catalogue's tables; every fault of a table is collected."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Literal

from kerntune.catalog.danger import Danger, OneWay, Vanished, sysctl_path
from kerntune.catalog.table import Table
from kerntune.errors import Fault
from kerntune.model.knob import Choice, Constraint, Domain, Knob, Phase, Range, Risk, Rollback, Scope

DOMAIN_FIELDS = frozenset(
    {"range", "log", "special", "never_below_default", "choice", "choices_from", "words"}
)
KNOB_FIELDS = DOMAIN_FIELDS | {
    "name", "kind", "path", "scope", "risk", "rollback", "meaning", "source", "subsystem", "phase", "unit",
    "default", "default_note", "acts_on", "since", "history", "workloads", "needs", "may_block", "member",
    "inert_when",
}  # fmt: skip
MEMBER_FIELDS = DOMAIN_FIELDS | {"name", "meaning", "default", "default_note", "acts_on", "workloads"}
NEVER_TUNED = (Risk.R3, Risk.R4)
EMPTY = Choice(())


class _ConstraintKind(StrEnum):
    ORDER = "order"
    EXCLUSIVE = "exclusive"
    REQUIRES = "requires"
    COUPLES = "couples"
    DISTURBS = "disturbs"


_KINDS: Mapping[_ConstraintKind, Literal["order", "exclusive", "requires", "couples", "disturbs"]] = {
    _ConstraintKind.ORDER: "order",
    _ConstraintKind.EXCLUSIVE: "exclusive",
    _ConstraintKind.REQUIRES: "requires",
    _ConstraintKind.COUPLES: "couples",
    _ConstraintKind.DISTURBS: "disturbs",
}


def knobs_of(file: str, document: Mapping[str, object], faults: list[Fault]) -> Iterator[Knob]:
    """Yields a file's knobs, one for each member of a vector, then its read-only references.

    `document` is the parsed file: [defaults] for all its entries, [[knob]] and [[reference]].
    """
    top = Table(file, document, faults)
    top.only(frozenset({"defaults", "knob", "reference"}))
    defaults = document.get("defaults", {})
    if not isinstance(defaults, dict):
        top.fault("defaults", "must be a table")
        return
    for fields in top.tables("knob"):
        yield from _knobs(file, {**defaults, **fields}, faults, read_only=False)
    for fields in top.tables("reference"):
        yield from _knobs(file, {**defaults, "risk": "R0", **fields}, faults, read_only=True)


def _knobs(file: str, fields: dict[str, object], faults: list[Fault], *, read_only: bool) -> Iterator[Knob]:
    whole = Table(f"{file}: {fields.get('name', '(no name)')}", fields, faults)
    whole.only(KNOB_FIELDS)
    members = whole.tables("member")
    if not members:
        yield _knob(whole, read_only=read_only)
        return
    names = tuple(str(member.get("name", "")) for member in members)
    if len(set(names)) != len(names):
        whole.fault("member", "names a member twice")
    for index, own in enumerate(members):
        name = f"{fields.get('name')}:{names[index]}"
        Table(f"{file}: {name}", own, faults).only(MEMBER_FIELDS)
        path = fields.get("path", sysctl_path(str(fields.get("name"))))
        table = Table(f"{file}: {name}", {**fields, **own, "name": name, "path": path}, faults)
        yield _knob(table, members=names, member=index, read_only=read_only)


def _knob(table: Table, *, members: tuple[str, ...] = (), member: int = 0, read_only: bool) -> Knob:
    name = table.text("name")
    risk = table.word("risk", Risk)
    if risk in NEVER_TUNED:
        table.fault("risk", "is too high for the catalogue: such a knob belongs on the danger list")
    return Knob(
        name=name,
        kind=table.text("kind", "sysctl"),
        path=table.text("path", sysctl_path(name)),
        domain=_domain(table),
        scope=table.word("scope", Scope, Scope.NETNS) or Scope.NETNS,
        risk=risk or Risk.R4,
        rollback=table.word("rollback", Rollback, Rollback.EXACT) or Rollback.EXACT,
        meaning=table.text("meaning"),
        source=table.text("source"),
        subsystem=table.text("subsystem"),
        phase=table.word("phase", Phase, Phase.RUNTIME) or Phase.RUNTIME,
        unit=table.text("unit", ""),
        members=members,
        member=member,
        default=table.scalar("default"),
        default_note=table.text("default_note", ""),
        acts_on=table.text("acts_on", "now"),
        since=table.text("since", ""),
        history=table.text("history", ""),
        workloads=table.texts("workloads"),
        needs=table.text("needs", ""),
        may_block=table.flag("may_block"),
        choices_from=table.texts("choices_from"),
        read_only=read_only,
        inert_when=table.texts("inert_when"),
    )


def _domain(table: Table) -> Domain:
    kinds = [key for key in ("range", "choice", "words") if key in table]
    if len(kinds) != 1:
        table.fault("range", "one of range, choice or words must be given")
        return EMPTY
    domain = _range(table) if kinds == ["range"] else Choice(table.scalars("choice"))
    if kinds == ["choice"]:
        _check_choice(table, domain)
    _check_default(table, domain)
    return domain


def _range(table: Table) -> Domain:
    ends = table.numbers("range")
    if len(ends) != 2:
        table.fault("range", "must be [low, high]")
        return EMPTY
    low, high = ends
    log, special = table.flag("log"), table.numbers("special")
    if low >= high:
        table.fault("range", "low must be below high")
    if log and low < 1:
        table.fault("range", "a log scale begins at 1 or above; a 0 that means something else is special")
    if any(low <= value <= high for value in special):
        table.fault("special", "lies inside the range")
    return Range(low, high, log, special, table.flag("never_below_default"))


def _check_choice(table: Table, domain: Domain) -> None:
    if domain == EMPTY:
        table.fault("choice", "holds no value")
    for key in ("log", "special", "never_below_default"):
        if key in table:
            table.fault(key, "belongs to a range, not to a choice")


def _check_default(table: Table, domain: Domain) -> None:
    default = table.scalar("default")
    if default is not None and domain != EMPTY and default not in domain:
        table.fault("default", f"lies outside the domain: {domain}")


def constraints_of(file: str, document: Mapping[str, object], faults: list[Fault]) -> Iterator[Constraint]:
    """Yields a file's [[constraint]] tables."""
    top = Table(file, document, faults)
    top.only(frozenset({"constraint"}))
    for number, fields in enumerate(top.tables("constraint")):
        table = Table(f"{file}: constraint[{number}]", fields, faults)
        table.only(frozenset({"kind", "knobs", "reason", "values"}))
        kind = table.word("kind", _ConstraintKind)
        knobs, reason, values = table.texts("knobs"), table.text("reason"), table.scalars("values")
        if len(set(knobs)) < 2:
            table.fault("knobs", "must name at least two different knobs")
        if (kind is _ConstraintKind.REQUIRES) != ("values" in table):
            table.fault("values", "is given with kind requires, and only there")
        if kind is not None:
            yield Constraint(_KINDS[kind], knobs, reason, values)


def dangers_of(file: str, document: Mapping[str, object], faults: list[Fault]) -> Iterator[Danger]:
    """Yields a file's [never] and [guarded] tables, whose keys are names."""
    policies: tuple[Literal["never", "guarded"], ...] = ("never", "guarded")
    for policy in policies:
        for name, fields in _named(file, policy, document, faults):
            if not isinstance(fields, dict):
                faults.append(Fault(f"{file}: {policy}.{name}", fields, "must be a table"))
                continue
            table = Table(f"{file}: {policy}.{name}", fields, faults)
            table.only(frozenset({"path", "class", "reason"}))
            path = table.text("path", sysctl_path(name))
            yield Danger(name, path, policy, table.texts("class"), table.text("reason"))


def one_ways_of(file: str, document: Mapping[str, object], faults: list[Fault]) -> Iterator[OneWay]:
    """Yields a file's [one_way] table, whose keys are names."""
    for name, rule in _named(file, "one_way", document, faults):
        if isinstance(rule, str) and rule:
            yield OneWay(name, rule)
        else:
            faults.append(Fault(f"{file}: one_way.{name}", rule, "must be a text"))


def vanished_of(file: str, document: Mapping[str, object], faults: list[Fault]) -> Iterator[Vanished]:
    """Yields a file's [[vanished]] tables."""
    top = Table(file, document, faults)
    top.only(frozenset({"vanished"}))
    for number, fields in enumerate(top.tables("vanished")):
        table = Table(f"{file}: vanished[{number}]", fields, faults)
        table.only(frozenset({"name", "release", "instead"}))
        yield Vanished(table.text("name"), table.text("release"), table.text("instead"))


def _named(
    file: str, key: str, document: Mapping[str, object], faults: list[Fault]
) -> Iterator[tuple[str, object]]:
    table = document.get(key, {})
    if isinstance(table, dict):
        yield from table.items()
    else:
        faults.append(Fault(f"{file}: {key}", table, "must be a table"))
