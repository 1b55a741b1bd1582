"""The outlook on a study: its target opened, its knobs read, nothing written yet."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from kerntune import host
from kerntune.app.plugins import plugin
from kerntune.app.results import workload_name
from kerntune.app.settings import Settings
from kerntune.catalog import Catalog, expanded, filled, names_to_read, resolve, touching
from kerntune.encoding import Encoding, Task
from kerntune.errors import Fault, InputError, PlanError
from kerntune.interfaces import Link, MetricSpec, Optimizer, Prepares, Target, Workload
from kerntune.model.knob import Absence, Config
from kerntune.model.plan import Pick, Plan
from kerntune.model.space import Space
from kerntune.owners import owners
from kerntune.search import Brief

HOST = "host"
"""The one target whose knobs are this machine's own."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a study is going to do: its brief, what was left out of the plan and why, who else sets a knob.

    `starts` are the plan's hints as whole configs, as they are tried. `moved` are the knobs that the kernel
    sets anew when one of the plan's is written: they go back with it. `is_felt`: the machine itself is
    changed meanwhile, so the user is asked first.
    """

    brief: Brief
    starts: tuple[Config, ...]
    limits: tuple[str, ...]
    owners: Mapping[str, str]
    moved: Mapping[str, tuple[str, ...]]
    is_felt: bool


def open_target(
    plan: Plan, here: Settings, catalog: Catalog, study: str = ""
) -> AbstractContextManager[Target]:
    """Returns the plan's target, to be entered."""
    options = dict(plan.target_options)
    if plan.target == HOST and here.caller:
        options.setdefault("account", here.caller)
    opened: AbstractContextManager[Target] = plugin("targets", plan.target)(
        options, journal_dir=here.journal_dir_of(plan.target), catalog=catalog, study=study
    )
    return opened


@contextmanager
def looked_at(plan: Plan, here: Settings, catalog: Catalog) -> Iterator[Outlook]:
    """Opens a plan's target only to look, and says what a study would do there, with its optimizer's note.

    Raises:
        KerntuneError: what a study would end with before it began.
    """
    with open_target(plan, here, catalog) as target:
        found = outlook(plan, target, catalog, made_workload(plan))
        note = getattr(made_optimizer(found), "note", "")
        yield replace(found, limits=(*found.limits, note)) if note else found


def made_optimizer(found: Outlook) -> Optimizer:
    """Returns the plan's optimizer with its starting points.

    Raises:
        InputError: an option of it is wrong, or it cannot search these knobs.
    """
    plan, encoding = found.brief.plan, Encoding(found.brief.space)
    start = tuple(encoding.encode(config) for config in found.starts)
    task = Task(encoding.cube, start, plan.seed, plan.budget.trials, plan.optimizer_options)
    optimizer: Optimizer = plugin("optimizers", plan.optimizer)(task)
    return optimizer


def made_workload(plan: Plan) -> Workload:
    """Returns the plan's workload.

    Raises:
        PlanError: every fault of its options.
    """
    workload: Workload = plugin("workloads", plan.workload.name)(plan.workload.options)
    return workload


def outlook(plan: Plan, target: Target, catalog: Catalog, workload: Workload) -> Outlook:
    """Returns what a plan comes to on an opened target.

    Raises:
        PlanError: nothing is left of its knobs, or one has a fault.
        InputError: the workload does not give the objective's metric.
    """
    picks, absent = expanded(plan.picks, target.devices)
    readings = target.read(names_to_read(catalog, picks))
    try:
        resolution = resolve(catalog, picks, readings, circumstances=host.circumstances())
    except PlanError as error:
        raise PlanError(error.source, _by_name(error.faults, picks), hint=error.hint) from error
    left_out = [f"left out {name}: {why.detail}" for name, why in (*absent, *resolution.left_out)]
    space, is_felt = resolution.space, plan.target == HOST
    return Outlook(
        brief=Brief(plan, space, objective_metric(plan, workload, None)),
        starts=_as_tried(starting_points(plan, space, target.devices), Encoding(space)),
        limits=(*left_out, *resolution.notes),
        owners=owners([dimension.knob for dimension in space]) if is_felt else {},
        moved=_moved(space, catalog, target) if is_felt else {},
        is_felt=is_felt,
    )


def _as_tried(starts: Sequence[Config], encoding: Encoding) -> tuple[Config, ...]:
    """Returns the starting points as they will be tried: values that may not be are the nearest that may."""
    return tuple(encoding.decode(encoding.encode(start)) for start in starts)


def _moved(space: Space, catalog: Catalog, target: Target) -> Mapping[str, tuple[str, ...]]:
    """Returns for each knob those outside the plan that the kernel sets anew when it is written."""
    own = {dimension.knob.name for dimension in space}
    rules = [rule for rule in touching(catalog.constraints, own) if rule.kind == "disturbs"]
    others = {rule.knobs[0]: [name for name in rule.knobs[1:] if name not in own] for rule in rules}
    found = target.read({name for names in others.values() for name in names})
    present = {name for name, reading in found.items() if not isinstance(reading, Absence)}
    return {name: tuple(filter(present.__contains__, names)) for name, names in others.items() if name in own}


def _by_name(faults: Sequence[Fault], picks: Sequence[Pick]) -> list[Fault]:
    """Returns faults of picks under the knobs' names: what else they are called is the file's affair."""
    names = {f"knobs[{index}]": pick.knob for index, pick in enumerate(picks)}
    fields = [fault.field.removesuffix(".knob").partition(".") for fault in faults]
    return [
        replace(fault, field=f"{names.get(where, where)}{dot}{rest}")
        for fault, (where, dot, rest) in zip(faults, fields, strict=True)
    ]


def objective_metric(plan: Plan, workload: Workload, link: Link | None) -> MetricSpec:
    """Returns the metric that the plan is to improve, with the limit that the link puts on it.

    Raises:
        InputError: the workload gives no such metric, or none that a guard or second objective names.
    """
    metrics = {metric.name: metric for metric in workload.metrics(link)}
    guarded = [guard.metric for guard in plan.guards]
    wanted = [plan.objective.metric, *guarded, *(other.metric for other in plan.also)]
    for missing in (name for name in wanted if name not in metrics):
        msg = f"workload {plan.workload.name} gives no metric {missing!r}"
        raise InputError(msg, hint=f"it gives: {', '.join(metrics)}")
    return metrics[plan.objective.metric]


def starting_points(plan: Plan, space: Space, devices: Mapping[str, tuple[str, ...]]) -> tuple[Config, ...]:
    """Returns the plan's hints as whole configs; knobs that do not exist here are left out of them."""
    present = space.default
    hinted = [filled(hint.config, devices) for hint in plan.hints]
    return tuple({name: config.get(name, value) for name, value in present.items()} for config in hinted)


def prepared(target: Target, workload: Workload) -> Link | None:
    """Has a workload make what its runs share, and returns the link between the target's hosts.

    Raises:
        WorkloadError: it cannot be made.
        TargetError: the target cannot be used.
    """
    with target.applied({}) as place:
        if isinstance(workload, Prepares):
            workload.prepare(place)
        return place.link


def with_link(brief: Brief, workload: Workload, link: Link | None) -> Brief:
    """Returns a brief whose metric knows the limit of the target's link."""
    return replace(brief, metric=objective_metric(brief.plan, workload, link))


def outlook_data(found: Outlook, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Returns an outlook as JSON-ready data: a result's keys, empty, and what would be tried.

    `notes` are those on the plan's file; they come first.
    """
    brief = found.brief
    return {
        "success": True,
        "dry_run": True,
        "workload_name": workload_name(brief.plan),
        "target": brief.plan.target,
        "objective": {"metric": brief.metric.name, "unit": brief.metric.unit},
        "knobs": [
            {
                "knob": dimension.knob.name,
                "path": dimension.knob.path,
                "present": dimension.present,
                "to_be_tried": str(dimension.domain),
                "owner": found.owners.get(dimension.knob.name),
            }
            for dimension in brief.space
        ],
        "moved": {name: list(names) for name, names in found.moved.items() if names},
        "starts": [dict(brief.space.changed(config)) for config in found.starts],
        "best_config": {},
        "minimal_config": {},
        "best_reward": None,
        "baseline_reward": None,
        "improvement": 0.0,
        "total_episodes": 0,
        "verdict": None,
        "notes": [*notes, *found.limits],
        "written": [],
    }
