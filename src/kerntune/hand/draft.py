"""Drafts a transaction: which files get which words, in which order, and everything that forbids it.

Reads, checks and plans; never writes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from kerntune.catalog import breach, touching
from kerntune.errors import HandError
from kerntune.hand.change import Change
from kerntune.hand.panel import Panel, refusal, value_of
from kerntune.model.knob import Config, Constraint, Domain, Knob, Range, Value


def draft(config: Config, panel: Panel, number: int, floors: Config) -> tuple[Change, ...]:
    """Returns the changes that make a config, one a file, in an order that keeps every constraint.

    Files that the kernel changes by itself when one of these is written are among them: an exclusive partner
    that it zeroes, and what a `disturbs` of the catalogue names.

    `floors` are the values that were present when the study began, for knobs that may not go below theirs.

    Raises:
        HandError: a knob is unknown, a danger, absent or may not have its value; all faults are named.
    """
    sheet = _Sheet(panel, number)
    faults: list[HandError] = []
    for name, value in config.items():
        try:
            sheet.enter(name, value, floors.get(name))
        except HandError as error:
            faults.append(error)
    constraints = touching(panel.catalog.constraints, config)
    if not faults:
        faults = [fault for rule in constraints for fault in _broken(rule, sheet)]
    if faults:
        raise _joined(faults)
    for rule in constraints:
        for name in _set_off(rule, sheet):
            sheet.bring_along(rule, name)
    return _ordered(sheet, constraints)


@dataclass(slots=True)
class _Sheet:
    """The files of a transaction as they fill up, and the knobs' values before and after."""

    panel: Panel
    number: int
    changes: dict[str, Change] = field(default_factory=dict)
    before: dict[str, Value] = field(default_factory=dict)
    after: dict[str, Value] = field(default_factory=dict)

    def enter(self, name: str, value: Value, floor: Value | None) -> None:
        knob = self.panel.knob(name)
        if knob.read_only:
            msg = f"{name} is only read, never written"
            raise HandError(msg, knob=name, kind="danger", hint="leave it out of the plan")
        change = self.changes.get(knob.file) or self._blank(knob)
        present = _present(knob, change)
        _check(knob, value, present, present if floor is None else floor)
        word = change.old[knob.member] if value == present else str(value)
        words = (*change.new[: knob.member], word, *change.new[knob.member + 1 :])
        self.changes[knob.file] = replace(change, new=words)
        self.before[name], self.after[name] = present, value

    def bring_along(self, rule: Constraint, name: str) -> None:
        """Adds the files of a rule that the kernel changes when this knob's is written."""
        origin = self.panel.knob(name).file
        for knob in filter(None, map(self._found, rule.knobs)):
            if knob.file == origin:
                continue
            change = self.changes.get(knob.file) or replace(self._blank(knob), asked=False)
            if rule.kind == "disturbs":
                self.changes[knob.file] = replace(change, disturber=origin)
            elif knob.name in self.after or change.old[knob.member] != "0":
                new = (*change.new[: knob.member], "0", *change.new[knob.member + 1 :])
                self.changes[knob.file] = replace(change, new=new, twin=origin, asked=True)

    def _found(self, name: str) -> Knob | None:
        """Returns a knob that can be read here, None if there is none."""
        try:
            knob = self.panel.knob(name)
            self.panel.read(knob)
        except (HandError, OSError):
            return None
        return None if knob.read_only and self.panel.catalog.danger(name) else knob

    def settled(self, name: str) -> Value | None:
        """Returns the value a knob will have, None where it does not exist here."""
        if name in self.after:
            return self.after[name]
        try:
            knob = self.panel.knob(name)
            return _present(knob, self.changes.get(knob.file) or self._blank(knob))
        except HandError:
            return None

    def brings(self, name: str) -> bool:
        """Returns whether the file of a knob is part of the transaction."""
        try:
            return self.panel.knob(name).file in self.changes
        except HandError:
            return False

    def _blank(self, knob: Knob) -> Change:
        try:
            words = self.panel.read(knob)
        except OSError as error:
            raise refusal(error, "read", knob.name) from error
        return Change(self.number, knob.name, words, words)


def _present(knob: Knob, change: Change) -> Value:
    try:
        return value_of(knob, change.old[knob.member])
    except ValueError as error:
        msg = f"cannot read {knob.name}: {error}"
        raise HandError(
            msg, knob=knob.name, kind="refused", hint="this kernel has another knob there"
        ) from error


def _check(knob: Knob, value: Value, present: Value, floor: Value) -> None:
    """Refuses a value outside the catalogue's domain; the value that is there already is always allowed."""
    if value == present and type(value) is type(present):
        return
    if value not in knob.domain:
        msg = f"{knob.name} = {value!r} is outside its domain: {knob.domain}"
        raise HandError(msg, knob=knob.name, kind="domain", hint=f"`kerntune knobs show {knob.name}`")
    if _is_floored(knob.domain, value) and _is_below(value, floor):
        msg = f"{knob.name} = {value!r} is below {floor}, the value before; lower buys speed with safety"
        raise HandError(msg, knob=knob.name, kind="domain", hint=f"`kerntune knobs show {knob.name}`")


def _is_floored(domain: Domain, value: Value) -> bool:
    """Returns whether the domain keeps sizes from going below the first one; special values are no sizes."""
    return isinstance(domain, Range) and domain.never_below_default and value not in domain.special


def _broken(rule: Constraint, sheet: _Sheet) -> Iterator[HandError]:
    """Yields what a config breaks of a rule; what it leaves as it is, is not its fault."""
    if rule.kind not in ("order", "exclusive"):
        return
    if rule.kind == "exclusive":
        yield from _no_way_back(rule, sheet)
    if rule.kind == "exclusive":
        chosen = {name: sheet.after[name] for name in rule.knobs if sheet.after.get(name)}
    else:
        values = {name: value for name in rule.knobs if (value := sheet.settled(name)) is not None}
        chosen = {name: value for name, value in values.items() if _is_size(sheet.panel, name, value)}
    problem = breach(rule, chosen)
    changed = [name for name in chosen if sheet.after.get(name) != sheet.before.get(name)]
    if problem and changed:
        hint = "choose values that keep what holds between them"
        yield HandError(problem, knob=changed[0], kind="domain", hint=hint)


def _no_way_back(rule: Constraint, sheet: _Sheet) -> Iterator[HandError]:
    """Yields the knob that could not be zeroed again: its 0 comes from writing a partner that is not 0."""
    names = _set_off(rule, sheet)
    if names and all(sheet.before.get(name, sheet.settled(name)) in (0, None) for name in rule.knobs):
        msg = f"{names[0]} is 0, as is what excludes it, and the kernel may not take that 0 back"
        hint = "give one of them a value first, then the way back is known"
        yield HandError(msg, knob=names[0], kind="refused", hint=hint)


def _is_size(panel: Panel, name: str, value: Value) -> bool:
    """Returns whether a value is a size that can be compared: no word, no 0 = automatic."""
    if not isinstance(value, int):
        return False
    domain = panel.knob(name).domain
    return not (isinstance(domain, Range) and value in domain.special)


def _joined(faults: list[HandError]) -> HandError:
    first = faults[0]
    if len(faults) == 1:
        return first
    message = "; ".join(str(fault) for fault in faults)
    return HandError(message, knob=first.knob, kind=first.kind, hint=first.hint)


def _ordered(sheet: _Sheet, constraints: Iterable[Constraint]) -> tuple[Change, ...]:
    """Sorts the files: an upper limit rises before the lower one follows, and falls after it."""
    if len(sheet.changes) < 2:
        return tuple(sheet.changes.values())
    graph: dict[str, set[str]] = {file: set() for file in sheet.changes}
    for rule in constraints:
        for first, then in _steps(rule, sheet):
            one, two = sheet.panel.knob(first).file, sheet.panel.knob(then).file
            if one != two:
                graph[two].add(one)
    try:
        return tuple(sheet.changes[file] for file in TopologicalSorter(graph).static_order())
    except CycleError as error:
        msg = f"no order of writing keeps every constraint: {' before '.join(error.args[1])}"
        raise HandError(msg, kind="domain", hint="change fewer of these knobs at a time") from error


def _steps(rule: Constraint, sheet: _Sheet) -> Iterator[tuple[str, str]]:
    """Yields (knob written first, knob written then) among the knobs of the transaction."""
    for name in _set_off(rule, sheet):
        yield from ((name, other) for other in rule.knobs if sheet.brings(other))
    for low, high in pairwise(name for name in rule.knobs if name in sheet.after):
        falls = rule.kind == "order" and _is_below(sheet.after[high], sheet.before[high])
        if rule.kind in ("order", "requires"):
            yield (low, high) if falls else (high, low)


def _set_off(rule: Constraint, sheet: _Sheet) -> tuple[str, ...]:
    """Returns the knobs of a rule whose change makes the kernel change others of it."""
    names = {"disturbs": rule.knobs[:1], "exclusive": rule.knobs}.get(rule.kind, ())
    return tuple(
        name
        for name in names
        if name in sheet.after
        and sheet.after[name] != sheet.before[name]
        and (rule.kind == "disturbs" or sheet.after[name] != 0)
    )


def _is_below(value: Value, floor: Value) -> bool:
    return isinstance(value, int) and isinstance(floor, int) and value < floor
