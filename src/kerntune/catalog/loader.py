"""Loads the catalogue from its TOML files and answers questions about names. Never reads a live kernel."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from kerntune.catalog import document, entry
from kerntune.catalog.danger import Danger, OneWay, Vanished, find_danger, find_named, fits, plain_name
from kerntune.catalog.mark import at_device, device_in, mark_of
from kerntune.errors import Fault, KerntuneBug
from kerntune.model.knob import Constraint, Knob, Scope

HOME = files("kerntune.catalog")  # a folder, or inside the hand's one file


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything kerntune knows about knobs.

    `knobs` may be tuned; `references` are only read, for the sake of others. Both are keyed by name, in the
    files' order, with per-device knobs under their template.
    """

    knobs: Mapping[str, Knob]
    references: Mapping[str, Knob]
    constraints: tuple[Constraint, ...] = ()
    dangers: tuple[Danger, ...] = ()
    one_way: tuple[OneWay, ...] = ()
    vanished: tuple[Vanished, ...] = ()

    def find(self, name: str) -> Knob | None:
        """Returns the knob or reference of a name; a per-device name comes back with its device filled in."""
        known = self.knobs.get(name) or self.references.get(name)
        if known is not None:
            return known
        for template in (*self.knobs.values(), *self.references.values()):
            device = device_in(template.name, name)
            if device is not None:
                return at_device(template, device)
        return None

    def siblings(self, knob: Knob) -> tuple[Knob, ...]:
        """Returns all members of the knob's file in the file's order; of a scalar, the knob alone."""
        found = (self.find(f"{knob.file}:{member}") for member in knob.members)
        return tuple(sibling for sibling in found if sibling is not None) or (knob,)

    def danger(self, name_or_path: str) -> Danger | None:
        """Returns why a name or path is never written, or None. Patterns and vector members are matched."""
        return find_danger((danger for danger in self.dangers if danger.policy == "never"), name_or_path)

    def guard(self, name_or_path: str) -> Danger | None:
        """Returns why a name or path is written within narrow limits only, or None."""
        return find_danger((danger for danger in self.dangers if danger.policy == "guarded"), name_or_path)

    def gone(self, name: str) -> Vanished | None:
        """Returns when a knob left the kernel and what stands in its place, or None."""
        return find_named(self.vanished, name)

    def search(self, text: str) -> list[Knob]:
        """Returns the knobs that hold every word of the text, those with a word in their name first."""
        words = text.lower().split()
        hits = [knob for knob in self.knobs.values() if all(word in _prose(knob) for word in words)]
        return sorted(hits, key=lambda knob: not any(word in knob.name.lower() for word in words))


def _prose(knob: Knob) -> str:
    return " ".join((knob.name, knob.meaning, knob.subsystem, knob.unit, *knob.workloads)).lower()


def load(home: Traversable = HOME) -> Catalog:
    """Returns the catalogue of a folder: knobs/*.toml, constraints.toml, dangers.toml, vanished.toml.

    Raises:
        KerntuneBug: the files contradict the catalogue's rules; every fault is named.
    """
    faults: list[Fault] = []
    tunable: dict[str, Knob] = {}
    references: dict[str, Knob] = {}
    for path in _knob_files(home / "knobs"):
        for knob in entry.knobs_of(path.name, _document(path, faults), faults):
            if knob.name in tunable or knob.name in references:
                faults.append(Fault(f"{path.name}: {knob.name}.name", knob.name, "is in the catalogue twice"))
            (references if knob.read_only else tunable)[knob.name] = knob
    catalog = _with_rules(home, tunable, references, faults)
    faults.extend(_contradictions(catalog))
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        msg = f"the catalogue in {home} has {len(faults)} fault{'s' * (len(faults) != 1)}\n{listed}"
        raise KerntuneBug(msg, hint="correct the files named, or install kerntune anew")
    return catalog


def _knob_files(folder: Traversable) -> list[Traversable]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in found if path.name.endswith(".toml")), key=lambda path: path.name)


def _with_rules(
    home: Traversable, tunable: Mapping[str, Knob], references: Mapping[str, Knob], faults: list[Fault]
) -> Catalog:
    constraints = _document(home / "constraints.toml", faults)
    dangers = _document(home / "dangers.toml", faults)
    vanished = _document(home / "vanished.toml", faults)
    return Catalog(
        knobs=MappingProxyType(tunable),
        references=MappingProxyType(references),
        constraints=tuple(entry.constraints_of("constraints.toml", constraints, faults)),
        dangers=tuple(entry.dangers_of("dangers.toml", dangers, faults)),
        one_way=tuple(entry.one_ways_of("dangers.toml", dangers, faults)),
        vanished=tuple(entry.vanished_of("vanished.toml", vanished, faults)),
    )


def _document(path: Traversable, faults: list[Fault]) -> Mapping[str, object]:
    try:
        return document.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(Fault(path.name, str(path), f"cannot be read: {error}"))
        return {}


def _contradictions(catalog: Catalog) -> Iterator[Fault]:
    known = catalog.knobs.keys() | catalog.references.keys()
    for number, constraint in enumerate(catalog.constraints):
        for name in constraint.knobs:
            if name not in known:
                yield Fault(f"constraints.toml: constraint[{number}].knobs", name, "is not in the catalogue")
    plain = {plain_name(name): knob.path for name, knob in catalog.knobs.items()}
    never = [danger for danger in catalog.dangers if danger.policy == "never"]
    suspects = _suspects(never, plain)
    for danger in never:
        yield from _tuned_dangers(danger, plain if "*" not in danger.name + danger.path else suspects)
    for knob in catalog.knobs.values():
        for name in knob.choices_from:
            if name not in catalog.references:
                yield Fault(f"knobs: {knob.name}.choices_from", name, "is not a reference of the catalogue")
        mark = mark_of(knob.name)
        if knob.scope is Scope.DEVICE and mark is None:
            yield Fault(f"knobs: {knob.name}.name", knob.name, "has no mark for its device")
        if mark is not None and (mark.text not in knob.path or knob.scope is not Scope.DEVICE):
            yield Fault(f"knobs: {knob.name}.path", knob.path, f"has no {mark.text}, or another scope")


def _suspects(dangers: Iterable[Danger], paths: Mapping[str, str]) -> Mapping[str, str]:
    """Returns the names and paths that begin as one of the dangers does: few, and quickly found."""
    names = tuple(danger.name.partition("*")[0] for danger in dangers)
    starts = tuple(danger.path.partition("*")[0] for danger in dangers)
    return {name: path for name, path in paths.items() if name.startswith(names) or path.startswith(starts)}


def _tuned_dangers(danger: Danger, paths: Mapping[str, str]) -> Iterator[Fault]:
    if "*" in danger.name + danger.path:
        names = {name for name, path in paths.items() if fits(name, danger.name) or fits(path, danger.path)}
    else:
        names = paths.keys() & {danger.name}
    for name in sorted(names):
        yield Fault(f"knobs: {name}", name, f"is never written: {danger.reason}")
