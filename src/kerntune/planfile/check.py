"""What a plan file means: known names, knobs within the catalogue's bounds, hints that fit, sane guards.

Looks at the parts of a document that have their shape, so that a missing comma elsewhere hides no fault.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from kerntune.catalog import Catalog, config_faults, pick_faults
from kerntune.catalog.check import narrowed
from kerntune.errors import Fault
from kerntune.model.knob import Value
from kerntune.model.plan import Direction, Pick
from kerntune.state import state_faults


@dataclass(frozen=True, slots=True)
class Known:
    """The names that plans may use: of workloads, optimizers and targets.

    `metrics` gives the metrics of workloads that always have the same ones; others are not checked.
    """

    workloads: Collection[str]
    optimizers: Collection[str]
    targets: Collection[str]
    metrics: Mapping[str, Collection[str]] = field(default_factory=dict)


def meaning_faults(document: Mapping[str, object], catalog: Catalog, known: Known) -> Iterator[Fault]:
    """Yields what is wrong with a document besides its shape."""
    yield from _name_faults(document, known)
    yield from _metric_faults(document, known)
    picks = _picks(document)
    indices = list(picks)
    for fault in pick_faults(catalog, list(picks.values())):
        yield replace(fault, field=_renumbered(fault.field, indices))
    yield from _hint_faults(document, catalog, {pick.knob: pick for pick in picks.values()})
    yield from _guard_faults(document)
    yield from _also_faults(document)
    yield from _reward_faults(document)
    state = document.get("state")
    yield from state_faults(state if isinstance(state, list) else [], "state")


def _name_faults(document: Mapping[str, object], known: Known) -> Iterator[Fault]:
    workload = _mapping(document.get("workload"))
    for where, name, names in (
        ("workload.name", workload.get("name"), known.workloads),
        ("optimizer", document.get("optimizer"), known.optimizers),
        ("target", document.get("target"), known.targets),
    ):
        if isinstance(name, str) and name not in names:
            yield Fault(where, name, f"is not known; {_offer(name, names)}")


def _metric_faults(document: Mapping[str, object], known: Known) -> Iterator[Fault]:
    workload = _mapping(document.get("workload")).get("name")
    metrics = known.metrics.get(workload) if isinstance(workload, str) else None
    if metrics is None:
        return
    asked = [("objective", _mapping(document.get("objective")))]
    for name in ("guards", "also"):
        asked += [(f"{name}[{index}]", part) for index, part in _objects(document, name)]
    for where, part in asked:
        metric = part.get("metric")
        if isinstance(metric, str) and metric not in metrics:
            problem = f"is no metric of {workload}; {_offer(metric, metrics)}"
            yield Fault(f"{where}.metric", metric, problem)


def _guard_faults(document: Mapping[str, object]) -> Iterator[Fault]:
    """Yields guards that refuse the present values themselves: at most 0.9 times the present latency."""
    for index, guard in _objects(document, "guards"):
        limit = guard.get("limit")
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            continue
        match guard.get("direction"):
            case Direction.MINIMIZE if 0 < limit < 1:
                problem = "would refuse the present values; for a metric to be minimized it is 1 or more"
                yield Fault(f"guards[{index}].limit", limit, problem)
            case Direction.MAXIMIZE if limit > 1:
                problem = "would refuse the present values; for a metric to be maximized it is 1 or less"
                yield Fault(f"guards[{index}].limit", limit, problem)


def _also_faults(document: Mapping[str, object]) -> Iterator[Fault]:
    """Yields second objectives that are the first one, or named twice."""
    first = _mapping(document.get("objective")).get("metric")
    seen = {first: "objective"} if isinstance(first, str) else {}
    for index, also in _objects(document, "also"):
        metric = also.get("metric")
        if isinstance(metric, str) and metric in seen:
            yield Fault(f"also[{index}].metric", metric, f"is an objective already: {seen[metric]}")
        elif isinstance(metric, str):
            seen[metric] = f"also[{index}]"


def _reward_faults(document: Mapping[str, object]) -> Iterator[Fault]:
    """Yields weights by which every config would earn the same."""
    reward = _mapping(document.get("reward"))
    if reward.get("performance") == 0 and reward.get("stability", 0) == 0:
        yield Fault("reward", dict(reward), "gives every config nothing: one of the weights must be above 0")


def _hint_faults(
    document: Mapping[str, object], catalog: Catalog, picks: Mapping[str, Pick]
) -> Iterator[Fault]:
    for index, hint in _objects(document, "hints"):
        where = f"hints[{index}].config"
        config = {name: value for name, value in _mapping(hint.get("config")).items() if _is_value(value)}
        picked: dict[str, Value] = {}
        for name, value in config.items():
            assert isinstance(value, int | str)
            if name in picks:
                picked[name] = value
            else:
                yield Fault(f"{where}.{name}", value, "is not one of the plan's knobs")
        found = config_faults(catalog, picked, where)
        yield from found
        wrong = {fault.field for fault in found}
        for name, value in picked.items():
            if f"{where}.{name}" not in wrong:
                yield from _outside(catalog, picks[name], value, f"{where}.{name}")


def _outside(catalog: Catalog, pick: Pick, value: Value, where: str) -> Iterator[Fault]:
    """Yields that a value which the kernel would take lies outside what the plan picked."""
    knob = catalog.find(pick.knob)
    if knob is None or pick_faults(catalog, [pick]):
        return
    domain = narrowed(knob.domain, pick)
    if value not in domain:
        yield Fault(where, value, f"is outside the plan's range, {domain}")


def _picks(document: Mapping[str, object]) -> dict[int, Pick]:
    """Returns what can be read as a pick, by its index in the file; ill-typed bounds are left out."""
    picks = {}
    for index, item in _objects(document, "knobs"):
        knob, low, high, values = (item.get(name) for name in ("knob", "low", "high", "values"))
        if isinstance(knob, str) and knob.strip():
            listed = values if isinstance(values, list) else []
            picks[index] = Pick(
                knob, "", "", _int(low), _int(high), tuple(value for value in listed if _is_value(value))
            )
    return picks


def _renumbered(name: str, indices: list[int]) -> str:
    """Returns `knobs[1].low` with the index that the pick has in the file."""
    return re.sub(r"^knobs\[(\d+)\]", lambda found: f"knobs[{indices[int(found[1])]}]", name)


def _objects(document: Mapping[str, object], name: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    items = document.get(name)
    for index, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict):
            yield index, item


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _is_value(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _offer(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(names))}"
