"""Fits a draft to the catalogue: leaves out knobs that are missing, cuts bounds that reach too far."""

from collections.abc import Iterator
from dataclasses import replace

from kerntune.catalog import Catalog, name_problem
from kerntune.catalog.check import cut
from kerntune.catalog.danger import plain_name
from kerntune.catalog.mark import at_device, device_in
from kerntune.model.knob import Choice, Range
from kerntune.model.plan import Hint, Pick
from kerntune.planfile.draft import Draft


def without_missing(draft: Draft, catalog: Catalog) -> Draft:
    """Returns a draft without the knobs that left the kernel or are unknown, with a note on each.

    Hints that said nothing else go, too. The draft stays as it is where nothing would be left.
    """
    gone = dict.fromkeys(pick.knob for pick in draft.plan.picks if _is_missing(catalog, pick.knob))
    kept = [index for index, pick in enumerate(draft.plan.picks) if pick.knob not in gone]
    if not gone or not kept:
        return draft
    picks = tuple(draft.plan.picks[index] for index in kept)
    hints, told = [], []
    for hint, name in zip(draft.plan.hints, draft.names["hints"], strict=False):
        config = {knob: value for knob, value in hint.config.items() if knob not in gone}
        if config:
            hints.append(Hint(config, hint.reason))
            told.append(name)
    names = {**draft.names, "knobs": [draft.names["knobs"][index] for index in kept], "hints": told}
    notes = [f"left out {name}: {name_problem(catalog, name)}" for name in gone]
    plan = replace(draft.plan, picks=picks, hints=tuple(hints))
    return replace(draft, plan=plan, names=names, notes=(*draft.notes, *notes))


def cut_to_catalog(pick: Pick, catalog: Catalog) -> tuple[Pick, str]:
    """Returns a pick whose bounds are cut to the catalogue's domain, and a note; empty where all fits.

    Bounds of a choice among numbers become its values. Bounds that have nothing in common with the domain
    are left, to be found as faults.
    """
    knob = catalog.find(pick.knob)
    given = [bound for bound in (pick.low, pick.high) if bound is not None]
    if knob is None or pick.values or not given or given != sorted(given):
        return pick, ""
    fitted = _fitted(pick, knob.domain)
    if fitted is None:
        return pick, ""
    if all(bound in knob.domain for bound in given):
        return fitted, ""
    searched = ", ".join(map(str, fitted.values)) or _span(fitted.low, fitted.high)
    instead = f"instead of {_span(pick.low, pick.high)}; kerntune searches {knob.domain}"
    return fitted, f"{pick.knob}: {searched} {instead}"


def spelt(catalog: Catalog, name: str) -> str | None:
    """Returns the catalogue's name of a knob that is called by its path below /sys, or in capitals."""
    if catalog.find(name) is not None:
        return None
    plain = plain_name(name)
    names = (*_at_path(catalog, plain), plain.lower())
    return next((known for known in names if catalog.find(known) and not name_problem(catalog, known)), None)


def _at_path(catalog: Catalog, path: str) -> Iterator[str]:
    """Yields the names of knobs whose file has this path; a device in it is filled in."""
    for knob in catalog.knobs.values():
        device = device_in(knob.path, path)
        if knob.path == path:
            yield knob.name
        elif device is not None:
            yield at_device(knob, device).name


def _fitted(pick: Pick, domain: Range | Choice) -> Pick | None:
    """Returns a pick with its bounds inside a domain, None where they have nothing in common."""
    if isinstance(domain, Choice):
        part = cut(domain, pick.low, pick.high)
        values = part.values if isinstance(part, Choice) else ()
        return replace(pick, low=None, high=None, values=values) if values else None
    low, high = pick.low, pick.high
    low = low if low is None or low in domain else max(low, domain.low)
    high = high if high is None or high in domain else min(high, domain.high)
    lowest, highest = domain.low if low is None else low, domain.high if high is None else high
    return replace(pick, low=low, high=high) if lowest < highest else None


def _span(low: int | None, high: int | None) -> str:
    if low is None:
        return f"up to {high}"
    return f"{low} to {high}" if high is not None else f"{low} and more"


def _is_missing(catalog: Catalog, name: str) -> bool:
    if catalog.gone(name) is not None:
        return True
    plain = plain_name(name)
    spelt_otherwise = (
        catalog.find(plain) is not None
        or spelt(catalog, name) is not None
        or any(knob.file == plain for knob in catalog.knobs.values())
    )
    return catalog.danger(name) is None and catalog.find(name) is None and not spelt_otherwise
