"""Knobs: what can be turned, within which domain, and what holds between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Value = int | str
"""A knob's typed value: an integer, or one word of a category (`"bbr"`)."""

Config = Mapping[str, Value]
"""One value for each knob of a space, by knob name. Treated as frozen: copied, never changed in place."""


class Phase(StrEnum):
    """When a value acts."""

    RUNTIME = "runtime"
    BOOT = "boot"
    BUILD = "build"


class Risk(StrEnum):
    """What a wrong value can cost."""

    R0 = "R0"  # benign
    R1 = "R1"  # performance only
    R2 = "R2"  # memory, latency or connections: wants a guard
    R3 = "R3"  # can hang the machine or cut the network
    R4 = "R4"  # security, data, one-way: never written


class Rollback(StrEnum):
    """What writing the old value back restores."""

    EXACT = "exact"
    CLAMPED = "clamped"
    ROUNDED = "rounded"
    LOSSY = "lossy"
    NONE = "none"


class Scope(StrEnum):
    """Whose value it is."""

    NETNS = "netns"
    DEVICE = "device"  # one value for each network device, or each disk
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Range:
    """Integers `low` to `high`, both included, searched on a log scale if `log`.

    `special` values are allowed though they mean something else than their size (0 = automatic).
    `never_below_default`: the other direction buys speed with safety, so the value present when the study
    begins is the floor.
    """

    low: int
    high: int
    log: bool = False
    special: tuple[int, ...] = ()
    never_below_default: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high or value in self.special

    def __str__(self) -> str:
        special = f" or {', '.join(map(str, self.special))}" if self.special else ""
        return f"{self.low} to {self.high}{special}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `values`, in the catalogue's order."""

    values: tuple[Value, ...]

    def __contains__(self, value: object) -> bool:
        return any(value == known and type(value) is type(known) for known in self.values)

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


Domain = Range | Choice


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing that can be turned.

    `name` is the kernel's name, with the member after a colon where the file holds a vector
    (`net.ipv4.tcp_wmem:max`). `path` may hold `{device}` or `{disk}`. `members` names the vector's elements
    in the file's order, `member` is this knob's index among them. `acts_on` says what a new value reaches
    (`now`, `new sockets`, `new listeners` …). `source` names the page of the kernel's documentation.
    `choices_from` names read-only knobs whose words bound the choice on a target. A `read_only` knob is read
    for the sake of others and never written. `inert_when` names circumstances of a host ("no swap") in which
    the knob is there and does nothing.
    """

    name: str
    kind: str
    path: str
    domain: Domain
    scope: Scope
    risk: Risk
    rollback: Rollback
    meaning: str
    source: str
    subsystem: str
    phase: Phase = Phase.RUNTIME
    unit: str = ""
    members: tuple[str, ...] = ()
    member: int = 0
    default: Value | None = None
    default_note: str = ""
    acts_on: str = "now"
    since: str = ""
    history: str = ""
    workloads: tuple[str, ...] = ()
    needs: str = ""
    may_block: bool = False
    choices_from: tuple[str, ...] = ()
    read_only: bool = False
    inert_when: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Returns the name of the file the knob lives in: its name without the vector member."""
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Constraint:
    """What must hold between knobs of one config; its knobs are written in one transaction.

    `order`: values ascend in the order given. `exclusive`: at most one of them may be set. `requires`: the
    first acts only while the second has one of `values`. `couples`: written together, nothing to check.
    `disturbs`: when the first is written the kernel may set the others anew, so they are remembered with it,
    written after it and put back with it.
    """

    kind: Literal["order", "exclusive", "requires", "couples", "disturbs"]
    knobs: tuple[str, ...]
    reason: str
    values: tuple[Value, ...] = ()


class AbsenceReason(StrEnum):
    """Why a knob cannot be turned here. A missing file is not an error of the host: these are kept apart."""

    VERSION = "version"  # this kernel is older or newer
    BUILD = "build"  # a build option is off
    MODULE = "module"  # a module is not loaded
    NAMESPACE = "namespace"  # exists in the initial namespace only, or is read-only in this one
    HARDWARE = "hardware"  # no such device
    PERMISSION = "permission"  # exists, but may not be written by us
    INERT = "inert"  # exists, but has nothing to turn: one value left, or what it needs is off
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a knob cannot be turned on a target, in a class and in words."""

    reason: AbsenceReason
    detail: str


Reading = Value | Absence
"""A knob's present value on a target, or why it cannot be turned there."""
