"""The panel: the knobs a hand can turn, found by catalogue name only, turned through their kinds."""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kerntune.catalog import Catalog
from kerntune.errors import HandError
from kerntune.hand.kinds import Kind, Kinds, Words
from kerntune.hand.processes import within
from kerntune.model.knob import Absence, AbsenceReason, Choice, Knob, Reading, Scope, Value

DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
MISSING = {errno.ENOENT, errno.ENODEV, errno.ENXIO}
NETWORK, DISKS = Path("/sys/class/net"), Path("/sys/block")
DEVICES: Mapping[str, Path] = {"block": DISKS, "neigh": NETWORK, "conf": NETWORK, "net": NETWORK}
"""Where a device is to be found, by the folder that comes before its name in the paths of its knobs."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The catalogue's knobs with the kinds that turn them; `deadline_s` bounds writes that may block.

    A `confined` panel, inside a user namespace, turns nothing that is the whole machine's. The kernel does
    not see to that: root of a sandbox made by root may write the files of root.
    """

    catalog: Catalog
    kinds: Kinds
    deadline_s: float = 5.0
    confined: bool = False
    _known: dict[str, Knob] = field(default_factory=dict)

    def knob(self, name: str) -> Knob:
        """Returns the knob of a name.

        Raises:
            HandError: the catalogue does not know it, or knows it as a danger.
        """
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def read(self, knob: Knob) -> Words:
        """Returns the words of the knob's file, as many as the catalogue says.

        Raises:
            OSError: the kernel's answer; EBADMSG if the file holds something else.
        """
        self._keep_out(knob)
        words = self._kind(knob).read(knob)
        expected = len(knob.members) or 1
        if len(words) != expected:
            raise OSError(errno.EBADMSG, f"holds {len(words)} words where {expected} were expected")
        return words

    def write(self, knob: Knob, words: Words) -> None:
        """Writes the words of the whole file; in a child with a deadline where that may block.

        Raises:
            OSError: the kernel's answer, or ETIMEDOUT.
        """
        self._keep_out(knob)
        kind = self._kind(knob)
        if knob.may_block:
            within(self.deadline_s, lambda: kind.write(knob, words))
        else:
            kind.write(knob, words)

    def reading(self, name: str, *, probe: bool = False) -> Reading:
        """Returns a knob's present value, or why it cannot be turned here.

        Whether it is writable is found by opening the file for writing; with `probe` also by writing the
        words back that are there.
        """
        try:
            knob = self.knob(name)
        except HandError as error:
            return Absence(AbsenceReason.UNKNOWN, str(error))
        try:
            if knob.read_only and not knob.members:
                self._keep_out(knob)
                return _listed(self._kind(knob).read(knob))
            words = self.read(knob)
            value = value_of(knob, words[knob.member])
        except (OSError, ValueError) as error:
            return _absence(knob, error, confined=self.confined)
        try:
            self._kind(knob).check_writable(knob)
            if probe:
                self.write(knob, words)
        except OSError as error:
            return _unwritable(knob, value, error)
        return value

    def _keep_out(self, knob: Knob) -> None:
        if self.confined and is_machines(knob):
            raise OSError(errno.ENOENT, "there is one for the whole machine, outside this namespace")

    def _kind(self, knob: Knob) -> Kind:
        return self.kinds[knob.kind]

    def _look_up(self, name: str) -> Knob:
        knob = self.catalog.find(name)
        danger = self.catalog.danger(name) or (knob and self.catalog.danger(knob.path))
        if danger and not (knob and knob.read_only):  # what is only read is no danger
            msg = f"{name} is never written: {danger.reason}"
            raise HandError(
                msg, knob=name, kind="danger", hint="kerntune leaves it to you, whatever a plan says"
            )
        if knob is None or knob.kind not in self.kinds:
            msg = f"{name} is not a knob of the catalogue, so it is not touched"
            raise HandError(
                msg, knob=name, kind="unknown", hint="`kerntune knobs search` finds what there is"
            )
        return knob


def is_machines(knob: Knob) -> bool:
    """Returns whether there is one such knob for the whole machine: /sys shows a sandbox the host's."""
    return knob.scope is Scope.GLOBAL or knob.kind == "sysfs"


def value_of(knob: Knob, word: str) -> Value:
    """Returns the typed value of a word of the knob's file.

    Raises:
        ValueError: the catalogue says it is a number, and it is not.
    """
    if isinstance(knob.domain, Choice):
        for value in knob.domain.values:
            if str(value) == word:
                return value
        if any(isinstance(value, str) for value in knob.domain.values):
            return word
    try:
        return int(word)
    except ValueError as error:
        msg = f"holds {word!r}, which is no number"
        raise ValueError(msg) from error


def plain(word: str) -> Value:
    """Returns a word as a number if it is one."""
    return int(word) if word.removeprefix("-").isdecimal() else word


def member_name(knob: Knob, index: int) -> str:
    """Returns the name of the knob at a place in the file of another."""
    return f"{knob.file}:{knob.members[index]}" if knob.members else knob.name


def refusal(error: OSError, doing: str, name: str) -> HandError:
    """Returns an error of the kernel as a classified one; `doing` is `write 5 to`."""
    number = error.errno or 0
    msg = f"cannot {doing} {name}: {_why(error)}"
    if number in DENIED:
        return HandError(msg, knob=name, kind="permission", hint="are you root? try --target netns")
    if number in MISSING:
        return HandError(
            msg, knob=name, kind="absent", hint="`kerntune knobs list` shows what this kernel has"
        )
    if number == errno.ETIMEDOUT:
        return HandError(msg, knob=name, kind="timeout", hint="the kernel may still be busy with it")
    return HandError(msg, knob=name, kind="refused", hint="this kernel does not take this value here")


def _why(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return f"{error.strerror} ({errno.errorcode.get(error.errno, error.errno)})"


def _listed(words: Words) -> Value:
    return plain(words[0]) if len(words) == 1 else " ".join(words)


def _absence(knob: Knob, error: OSError | ValueError, *, confined: bool) -> Absence:
    number = error.errno if isinstance(error, OSError) else None
    if number in DENIED:
        return Absence(AbsenceReason.PERMISSION, f"may not be read: {_why(error)}")
    if number in MISSING:
        return _missing(knob, confined=confined)
    return Absence(AbsenceReason.UNKNOWN, _why(error))


def _unwritable(knob: Knob, value: Value, error: OSError) -> Absence:
    if error.errno in DENIED:
        elsewhere = knob.scope is Scope.GLOBAL and os.geteuid() == 0
        reason = AbsenceReason.NAMESPACE if elsewhere else AbsenceReason.PERMISSION
        return Absence(reason, f"is {value} and may not be written here: {_why(error)}")
    return Absence(AbsenceReason.UNKNOWN, f"is {value} and cannot be written: {_why(error)}")


def _missing(knob: Knob, *, confined: bool) -> Absence:
    if confined and is_machines(knob):
        return Absence(AbsenceReason.NAMESPACE, "there is one for the whole machine, outside this namespace")
    for path, reason, detail in _suspects(knob):
        if not path.exists():
            return Absence(reason, detail)
    wants, _, what = knob.needs.partition(":")
    reasons: Mapping[str, tuple[AbsenceReason, str]] = {
        "module": (AbsenceReason.MODULE, f"needs the module {what}"),
        "config": (AbsenceReason.BUILD, f"needs a kernel built with {what}"),
        "hardware": (AbsenceReason.HARDWARE, f"needs {what}"),
        "setting": (AbsenceReason.INERT, f"is there only with {what}"),
    }
    since = f" (since {knob.since})" if knob.since else ""
    default = (AbsenceReason.VERSION, f"this kernel has no {knob.file}{since}")
    if knob.scope is Scope.GLOBAL and knob.path.startswith("/proc/sys/net/"):
        default = (AbsenceReason.NAMESPACE, f"{knob.file} exists in the initial network namespace only")
    return Absence(*reasons.get(wants, default))


def _suspects(knob: Knob) -> list[tuple[Path, AbsenceReason, str]]:
    if knob.scope is not Scope.DEVICE:
        return []
    parts = Path(knob.path).parts
    for folder, home in DEVICES.items():
        for place, part in enumerate(parts[:-1]):
            if part == folder:
                device = parts[place + 1]
                return [(home / device, AbsenceReason.HARDWARE, f"there is no device {device}")]
    return []
