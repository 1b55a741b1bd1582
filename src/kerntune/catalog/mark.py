"""Marks: `{device}`, `{disk}` and their like, which stand in knobs' names for what machines call their own.

A knob with a mark is a template. A further sort of device is one more line in MARKS.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kerntune.model.knob import Absence, AbsenceReason, Config, Constraint, Knob
from kerntune.model.plan import Pick


@dataclass(frozen=True, slots=True)
class Mark:
    """A sort of device: its word in a target's `devices`, what people call it, and how the kernel names one.

    `longest` is in bytes; `reserved` are entries among the devices that are none.
    """

    word: str
    what: str
    example: str
    longest: int
    reserved: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Returns the mark as it stands in names and paths."""
        return f"{{{self.word}}}"


NETWORK = Mark("device", "network device", "eth0", 15, ("all", "default"))
"""IFNAMSIZ of <linux/if.h> holds 16 bytes with the final zero; `all` and `default` reach every device."""

MARKS = (
    NETWORK,
    Mark("disk", "disk", "vda", 31),  # BDEVNAME_SIZE of <linux/blkdev.h>
    Mark("ext4", "mounted ext4 file system", "sda1", 31),
    Mark("policy", "frequency policy of the CPUs", "policy0", 31),
)

MARKED = ("name", "path", "needs")
"""The texts of a knob in which its mark may stand; the names in `choices_from` may hold it too."""


def mark_of(text: str) -> Mark | None:
    """Returns the mark in a name or path; None where there is none."""
    if "{" not in text:
        return None
    return next((mark for mark in MARKS if mark.text in text), None)


def is_device(name: str, mark: Mark = NETWORK) -> bool:
    """Returns whether the kernel would take this as a name of that sort: one plain path component."""
    if not 0 < len(name.encode()) <= mark.longest or name in (".", "..", *mark.reserved):
        return False
    return not any(char in "/:{}" or char.isspace() or not char.isprintable() for char in name)


def device_in(template: str, name: str) -> str | None:
    """Returns the device that makes a template's name into this one; None if it does not fit."""
    mark = mark_of(template)
    if mark is None:
        return None
    before, _, after = template.partition(mark.text)
    if not (name.startswith(before) and name.endswith(after) and len(name) > len(before + after)):
        return None
    device = name[len(before) : len(name) - len(after)]
    return device if is_device(device, mark) else None


def at_device(template: Knob, device: str) -> Knob:
    """Returns a template's knob for one device."""
    mark = mark_of(template.name)
    if mark is None:
        return template
    filled = {field: getattr(template, field).replace(mark.text, device) for field in MARKED}
    sources = tuple(source.replace(mark.text, device) for source in template.choices_from)
    return replace(template, **filled, choices_from=sources)


def touching(constraints: Iterable[Constraint], names: Collection[str]) -> tuple[Constraint, ...]:
    """Returns the constraints that hold for any of the names, templates filled in with the names' devices."""
    found: dict[Constraint, None] = {}
    for constraint in constraints:
        for filled in (constraint, *_filled(constraint, names)):
            if not set(filled.knobs).isdisjoint(names):
                found[filled] = None
    return tuple(found)


def _filled(constraint: Constraint, names: Iterable[str]) -> Iterator[Constraint]:
    for template in constraint.knobs:
        mark = mark_of(template)
        for name in names if mark else ():
            device = device_in(template, name)
            if mark and device:
                yield replace(
                    constraint, knobs=tuple(knob.replace(mark.text, device) for knob in constraint.knobs)
                )


def expanded(
    picks: Iterable[Pick], devices: Mapping[str, Collection[str]]
) -> tuple[tuple[Pick, ...], tuple[tuple[str, Absence], ...]]:
    """Returns the picks, each template replaced by one pick for each such device, and what was left out.

    `devices` is the target's (`Target.devices`). A device that the plan names itself keeps what the plan says
    of it. Left out is a template where the target has no such device.
    """
    given = tuple(picks)
    named = {pick.knob for pick in given}
    done: list[Pick] = []
    left_out: list[tuple[str, Absence]] = []
    for pick in given:
        mark = mark_of(pick.knob)
        if mark is None:
            done.append(pick)
            continue
        names = [pick.knob.replace(mark.text, device) for device in devices.get(mark.word, ())]
        done += [replace(pick, knob=name) for name in names if name not in named]
        if not names:
            left_out.append((pick.knob, Absence(AbsenceReason.HARDWARE, f"the target has no {mark.what}")))
    return tuple(done), tuple(left_out)


def filled(config: Config, devices: Mapping[str, Collection[str]]) -> Config:
    """Returns a config with each template's value given to all of a target's devices, those named aside."""
    done: dict[str, int | str] = {}
    for name, value in config.items():
        mark = mark_of(name)
        for device in devices.get(mark.word, ()) if mark else ():
            done[name.replace(mark.text if mark else "", device)] = value
    return {**done, **{name: value for name, value in config.items() if mark_of(name) is None}}
