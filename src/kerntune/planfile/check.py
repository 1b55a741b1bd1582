"""What a plan file means: known names, knobs within the catalogue's bounds, hints that fit, sane guards."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches

from kerntune.catalog import Catalog, config_faults, pick_faults
from kerntune.catalog.check import narrowed
from kerntune.errors import Fault
from kerntune.model.knob import Value
from kerntune.model.plan import Direction, Guard, Pick, Plan
from kerntune.planfile.fitting import spelt
from kerntune.state import state_faults


def _nothing(_: Plan) -> Iterable[Fault]:
    return ()


@dataclass(frozen=True, slots=True)
class Known:
    """The names that plans may use: of workloads, optimizers and targets.

    `examine` gives what these find wrong with a plan: options that they do not take, metrics that there are
    not.
    """

    workloads: Collection[str]
    optimizers: Collection[str]
    targets: Collection[str]
    examine: Callable[[Plan], Iterable[Fault]] = _nothing


def meaning_faults(plan: Plan, catalog: Catalog, known: Known) -> Iterator[Fault]:
    """Yields what is wrong with a plan that has its shape."""
    yield from _name_faults(plan, known)
    for fault in pick_faults(catalog, plan.picks):
        name = spelt(catalog, str(fault.value)) if fault.field.endswith(".knob") else None
        yield replace(fault, problem=f"is not how knobs are named: write {name}") if name else fault
    yield from _hint_faults(plan, catalog)
    for index, guard in enumerate(plan.guards):
        yield from _guard_faults(guard, f"guards[{index}].limit")
    yield from _also_faults(plan)
    if plan.reward.performance == plan.reward.stability == 0:
        problem = "gives every config nothing: one of the weights must be above 0"
        yield Fault("reward", asdict(plan.reward), problem)
    yield from state_faults(plan.state, "state")
    yield from known.examine(plan)


def _name_faults(plan: Plan, known: Known) -> Iterator[Fault]:
    for where, name, names in (
        ("workload.name", plan.workload.name, known.workloads),
        ("optimizer", plan.optimizer, known.optimizers),
        ("target", plan.target, known.targets),
    ):
        if name not in names:
            yield Fault(where, name, f"is not known; {_offer(name, names)}")


def _guard_faults(guard: Guard, where: str) -> Iterator[Fault]:
    """Yields that a guard refuses the present values themselves: at most 0.9 times the present latency."""
    match guard.direction:
        case Direction.MINIMIZE if guard.limit < 1:
            problem = "would refuse the present values; for a metric to be minimized it is 1 or more"
            yield Fault(where, guard.limit, problem)
        case Direction.MAXIMIZE if guard.limit > 1:
            problem = "would refuse the present values; for a metric to be maximized it is 1 or less"
            yield Fault(where, guard.limit, problem)


def _also_faults(plan: Plan) -> Iterator[Fault]:
    """Yields second objectives that are the first one, or named twice."""
    seen = {plan.objective.metric: "objective"}
    for index, also in enumerate(plan.also):
        if also.metric in seen:
            problem = f"is an objective already: {seen[also.metric]}"
            yield Fault(f"also[{index}].metric", also.metric, problem)
        seen.setdefault(also.metric, f"also[{index}]")


def _hint_faults(plan: Plan, catalog: Catalog) -> Iterator[Fault]:
    picks = {pick.knob: pick for pick in plan.picks}
    for index, hint in enumerate(plan.hints):
        where = f"hints[{index}].config"
        picked = {name: value for name, value in hint.config.items() if name in picks}
        for name, value in hint.config.items():
            if name not in picks:
                yield Fault(f"{where}.{name}", value, "is not one of the plan's knobs")
        found = config_faults(catalog, picked, where)
        yield from found
        wrong = {fault.field for fault in found}
        yield from (f for f in _outside(catalog, picks, picked, where) if f.field not in wrong)


def _outside(
    catalog: Catalog, picks: Mapping[str, Pick], config: Mapping[str, Value], where: str
) -> Iterator[Fault]:
    """Yields values which the kernel would take, but which lie outside what the plan picked."""
    for name, value in config.items():
        knob = catalog.find(name)
        if knob is None or pick_faults(catalog, [picks[name]]):
            continue
        domain = narrowed(knob.domain, picks[name])
        if value not in domain:
            yield Fault(f"{where}.{name}", value, f"is outside the plan's range, {domain}")


def _offer(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(names))}"
