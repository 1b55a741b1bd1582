"""What is never written, what a restored value does not bring back, and what kernels no longer have."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

SYSCTL_ROOT = "/proc/sys/"


@dataclass(frozen=True, slots=True)
class Danger:
    """A name that is never written, or only within narrow limits ("guarded"), with its reason.

    `name` and `path` may hold `*`, which stands for anything. `classes` says what is at stake (oneway,
    security, crash, hang, data, network, resource, action, identity).
    """

    name: str
    path: str
    policy: Literal["never", "guarded"]
    classes: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class OneWay:
    """A knob whose old value, written back, does not bring the old state back; `rule` says what is lost."""

    name: str
    rule: str


@dataclass(frozen=True, slots=True)
class Vanished:
    """A knob that kernels had until `release`, and what stands in its place."""

    name: str
    release: str
    instead: str


class _Named(Protocol):
    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=_Named)


def sysctl_path(name: str) -> str:
    """Returns the file of a kernel setting: `net.core.somaxconn` is /proc/sys/net/core/somaxconn."""
    return SYSCTL_ROOT + name.replace(".", "/")


def plain_name(name_or_path: str) -> str:
    """Returns a name or path in the form it is listed by.

    Paths below /proc/sys lose their detours and become names, slashes in names become dots, and a vector's
    member is left off: `/proc/sys/net/ipv4/tcp_mem`, `net/ipv4/tcp_mem` and `net.ipv4.tcp_mem:max` are all
    `net.ipv4.tcp_mem`. Other paths stay paths.
    """
    text = name_or_path.strip().partition(":")[0]
    if text.startswith("/"):
        text = "/" + posixpath.normpath(text).lstrip("/")
        if not text.startswith(SYSCTL_ROOT):
            return text
        text = text.removeprefix(SYSCTL_ROOT)
    return text.replace("/", ".")


def fits(text: str, pattern: str) -> bool:
    """Returns whether a pattern, in which `*` stands for anything, describes the whole text."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    place = len(first)
    for part in rest[:-1]:
        place = text.find(part, place) + len(part)
        if place < len(part):
            return False
    return len(text) - place >= len(rest[-1]) and text.endswith(rest[-1])


def find_danger(dangers: Iterable[Danger], name_or_path: str) -> Danger | None:
    """Returns the first danger whose name or path, patterns included, fits."""
    name, path = plain_name(name_or_path), name_or_path.strip()
    if name.startswith("/"):
        path = name
    return next((danger for danger in dangers if fits(name, danger.name) or fits(path, danger.path)), None)


def find_named(entries: Iterable[NamedT], name: str) -> NamedT | None:
    """Returns the first entry whose name, patterns included, fits."""
    wanted = plain_name(name)
    return next((entry for entry in entries if fits(wanted, entry.name)), None)
