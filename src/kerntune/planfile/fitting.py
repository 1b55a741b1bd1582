"""Fits a document to the catalogue: leaves out knobs that are missing, cuts bounds that reach too far."""

from collections.abc import Iterator, Mapping

from kerntune.catalog import Catalog, name_problem
from kerntune.catalog.danger import plain_name
from kerntune.errors import Fault
from kerntune.model.knob import Range


def missing(document: Mapping[str, object], catalog: Catalog) -> dict[str, str]:
    """Returns the knobs of a document that left the kernel or are unknown, with what is known of each."""
    names = (item.get("knob") for item in _knobs(document))
    return {
        name: name_problem(catalog, name)
        for name in names
        if isinstance(name, str) and _is_missing(catalog, name)
    }


def without(document: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Returns a document without some knobs, and its hints without them; hints that said nothing else go."""
    hints = []
    for hint in _objects(document, "hints"):
        config = hint.get("config")
        kept = {k: v for k, v in config.items() if k not in names} if isinstance(config, dict) else config
        if kept or kept == config:
            hints.append({**hint, "config": kept})
    rest = [item for item in _knobs(document) if item.get("knob") not in names]
    return {**document, "knobs": rest, **({"hints": hints} if "hints" in document else {})}


def is_about(fault: Fault, document: Mapping[str, object], names: Mapping[str, str]) -> bool:
    """Returns whether a fault is that of a knob among these, in the list of knobs or in a hint."""
    listed = {f"knobs[{index}]" for index, item in enumerate(_list(document)) if _name(item) in names}
    return fault.field.partition(".")[0] in listed or any(
        fault.field.endswith(f".config.{name}") for name in names
    )


def cut_to_catalog(document: Mapping[str, object], catalog: Catalog) -> Iterator[str]:
    """Cuts bounds that reach beyond the catalogue's ranges, in place, and yields a note for each.

    Bounds that have nothing in common with the range are left, to be found as faults.
    """
    for item in _knobs(document):
        name = item.get("knob")
        knob = catalog.find(name) if isinstance(name, str) else None
        low, high = item.get("low"), item.get("high")
        if knob is None or not isinstance(knob.domain, Range) or not _is_pair(low, high):
            continue
        lowest, highest = knob.domain.low, knob.domain.high
        assert isinstance(low, int) and isinstance(high, int)  # noqa: PT018 - both by _is_pair
        cut = {
            "low": low if low in knob.domain else max(low, lowest),
            "high": high if high in knob.domain else min(high, highest),
        }
        if cut != {"low": low, "high": high} and cut["low"] < cut["high"]:
            item.update(cut)
            given = f"{low} to {high}"
            yield f"{name}: {cut['low']} to {cut['high']} instead of {given}; kerntune searches {knob.domain}"


def _is_missing(catalog: Catalog, name: str) -> bool:
    if catalog.gone(name) is not None:
        return True
    plain = plain_name(name)
    spelt_otherwise = catalog.find(plain) is not None or any(
        knob.file == plain for knob in catalog.knobs.values()
    )
    return catalog.danger(name) is None and catalog.find(name) is None and not spelt_otherwise


def _is_pair(low: object, high: object) -> bool:
    whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in (low, high))
    return whole and isinstance(low, int) and isinstance(high, int) and low <= high


def _knobs(document: Mapping[str, object]) -> Iterator[dict[str, object]]:
    yield from _objects(document, "knobs")


def _objects(document: Mapping[str, object], name: str) -> Iterator[dict[str, object]]:
    yield from (item for item in _list(document, name) if isinstance(item, dict))


def _list(document: Mapping[str, object], name: str = "knobs") -> list[object]:
    items = document.get(name)
    return items if isinstance(items, list) else []


def _name(item: object) -> object:
    name = item.get("knob") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None
