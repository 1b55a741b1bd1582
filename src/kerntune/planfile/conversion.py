"""Configs of reinforcement-learning tuners become plans; what has no counterpart in one is told.

One step of such a tuner is one run of the benchmark. A trial of ours is one to three pairs of runs, and the
winner is confirmed on fresh ones: so many steps are a budget of seconds, and of fewer trials.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kerntune.catalog import Catalog
from kerntune.errors import Fault
from kerntune.model.plan import (
    Budget,
    Direction,
    Guard,
    Hint,
    Objective,
    Pick,
    Plan,
    Reward,
    WorkloadChoice,
)
from kerntune.planfile.benchmark import place_of
from kerntune.planfile.draft import Draft
from kerntune.planfile.fitting import cut_to_catalog
from kerntune.planfile.foreign import DAY_S, STAND_INS, ForeignShape, TrainingShape
from kerntune.planfile.sound import sound
from kerntune.state import metric as state_metric

CONFIG_PLANNER = "config"
"""The planner of such a plan, whose goal is the workload's name in the file."""

RUN_S = 60.0
"""Seconds that a run may take if the file does not say."""

RUNS_A_TRIAL = 4
"""Runs for each trial of the search: one to three pairs, and its share of the audit and the confirmation."""

FEWEST_TRIALS = 5
"""A search of fewer steps than that needs still tries as many configs, or one for each step."""

SMALLER_IS_BETTER = frozenset(
    ("latency", "latencies", "time", "times", "delay", "delays", "loss", "losses", "error", "errors", "wait")
)
"""Words in a metric's name which suggest that the format's rule, more is better, may not be meant."""

PPO = ("n_steps", "batch_size", "n_epochs", "learning_rate", "gamma", "max_steps_per_episode")
"""Settings that go to the optimizer."""

FIELDS = (
    (r"^objective\.metric", "reward_metric"),
    (r"^objective\.direction", "reward_direction"),
    (r"^workload\.options\.timeout_s", "training_config.benchmark_timeout"),
    (r"^workload\.options\.metrics.*", "reward_metric"),
    (r"^workload\.options.*", "benchmark_command"),
    (r"^optimizer_options", "training_config"),
    (r"^budget.*", "training_config.total_timesteps"),
    (r"^(constraints\[\d+\]).*", r"\1"),
    (r"^(action_space\[\d+\])\.knob$", r"\1.param"),
    (r"^(action_space\[\d+\])\.low$", r"\1.min"),
    (r"^(action_space\[\d+\])\.high$", r"\1.max"),
)
"""Fields of a plan, and what they were made of."""

PHRASES = ((r"^is above high\b", "is above max"), (r"\blow or high\b", "min or max"))


def foreign_draft(document: Mapping[str, object], catalog: Catalog, directory: Path | None) -> Draft:
    """Returns the draft of such a file's plan.

    `directory` is where the benchmark command runs, the target's own choice if not given.
    """
    found = sound(ForeignShape, document, STAND_INS)
    shape = found.shape
    cut = [cut_to_catalog(pick, catalog) for pick in _picks(shape)]
    plan = Plan(
        goal=shape.workload_name,
        workload=WorkloadChoice("command", _options(shape, directory)),
        objective=_objective(shape),
        picks=tuple(pick for pick, _ in cut),
        hints=tuple(Hint(**dict(hint)) for hint in shape.hints),
        guards=_guards(shape),
        budget=_budget(shape.training_config),
        target=shape.target,
        target_options=shape.target_options,
        optimizer=shape.optimizer,
        seed=next((seed for seed in (shape.seed, shape.training_config.seed) if seed is not None), 0),
        planner=CONFIG_PLANNER,
        optimizer_options=_learning(shape) if shape.optimizer == "ppo" else {},
        reward=Reward(**dict(shape.reward)),
        also=tuple(Objective(**dict(objective)) for objective in shape.also),
        state=tuple(_state(shape)),
    )
    notes = (*_notes(shape), *(note for _, note in cut if note))
    draft = Draft(plan, _names(shape, found.places), tuple(found.faults), notes, FIELDS, PHRASES)
    unprinted = filter(None, map(draft.named, _metric_faults(shape)))
    return replace(draft, faults=(*draft.faults, *unprinted))


def _names(shape: ForeignShape, places: Mapping[str, list[int]]) -> dict[str, list[str]]:
    """Returns what the items of the plan's lists are called in the file."""

    def items(name: str) -> list[str]:
        return [f"{name}[{index}]" for index in places.get(name, ())]

    observed = items("state_space")
    return {
        "knobs": items("action_space"),
        "guards": [*items("constraints"), *items("guards")],
        "state": [observed[index] for index in _state(shape).values()],
        "hints": items("hints"),
        "also": items("also"),
    }


def _picks(shape: ForeignShape) -> Iterator[Pick]:
    for action in shape.action_space:
        values = tuple(action.values)
        source = "the configuration file"
        yield Pick(action.param, action.description, source, action.min, action.max, values)


def _objective(shape: ForeignShape) -> Objective:
    found = place_of(shape.benchmark_command, shape.reward_metric)
    return Objective(shape.reward_metric, shape.reward_direction or found.direction or Direction.MAXIMIZE)


def _guards(shape: ForeignShape) -> tuple[Guard, ...]:
    constraints = (constraint.guard() for constraint in shape.constraints)
    return (*constraints, *(Guard(**dict(guard)) for guard in shape.guards))


def _asked(shape: ForeignShape) -> Iterator[tuple[str, str, Direction]]:
    """Yields field, name and direction of each metric that the plan asks for."""
    objective = _objective(shape)
    yield "objective.metric", objective.metric, objective.direction
    for index, guard in enumerate(_guards(shape)):
        yield f"guards[{index}].metric", guard.metric, guard.direction
    for index, also in enumerate(shape.also):
        yield f"also[{index}].metric", also.metric, also.direction


def _metric_faults(shape: ForeignShape) -> Iterator[Fault]:
    """Yields metrics that the benchmark's program does not print."""
    for where, metric, _ in _asked(shape):
        if problem := place_of(shape.benchmark_command, metric).problem:
            yield Fault(where, metric, problem)


def _options(shape: ForeignShape, directory: Path | None) -> dict[str, object]:
    """Returns the options of the workload command; of the metrics, the rewarded one is first."""
    metrics: dict[str, object] = {}
    for _, name, direction in _asked(shape):
        found = place_of(shape.benchmark_command, name)
        if not found.problem:
            elsewhere = {"find": found.find} if found.find != name else {}
            metrics.setdefault(name, {"name": name, "direction": str(direction)} | elsewhere)
    change = f"cd {shlex.quote(str(directory))} || exit\n" if directory is not None else ""
    return {
        "command": f"{change}{shape.benchmark_command}",
        "reader": place_of(shape.benchmark_command, shape.reward_metric).reader,
        "metrics": list(metrics.values()),
        "timeout_s": shape.training_config.benchmark_timeout or RUN_S,
    }


def _state(shape: ForeignShape) -> dict[str, int]:
    """Returns the metrics to observe with their index in the state space, each metric once."""
    first = enumerate(_firsts(shape))
    return {shape.state_space[index].metric: index for index, same in first if index == same}


def _firsts(shape: ForeignShape) -> list[int]:
    """Returns for each item of the state space the index of the first one that is the same metric."""
    known = [state_metric(item.metric) for item in shape.state_space]
    names = [one.name if one else item.metric for one, item in zip(known, shape.state_space, strict=True)]
    return [names.index(name) for name in names]


def _learning(shape: ForeignShape) -> dict[str, object]:
    settings = shape.training_config.model_dump(include=set(PPO), exclude_none=True)
    return {name: settings[name] for name in PPO if name in settings}


def _runs(training: TrainingShape) -> int:
    """Returns how many runs of the benchmark there may be: as many as steps, but no more than fit a day."""
    if training.total_timesteps is None:
        return 0
    in_a_day = DAY_S // (training.benchmark_timeout or RUN_S)
    return int(max(1, min(training.total_timesteps, in_a_day)))


def _budget(training: TrainingShape) -> Budget:
    """Returns what the tuner's own loop would have spent at most, and how many trials fit into that."""
    runs = _runs(training)
    if not runs:
        return Budget()
    trials = max(min(runs, FEWEST_TRIALS), runs // RUNS_A_TRIAL)
    return Budget(trials, runs * (training.benchmark_timeout or RUN_S))


# --- what is told ------------------------------------------------------------------------------------------


def _notes(shape: ForeignShape) -> Iterator[str]:
    """Yields what of the file cannot be honoured, or is not meant as it may seem."""
    yield from _unused(shape)
    yield from _budget_notes(shape.training_config)
    learning = _learning(shape)
    if learning and shape.optimizer != "ppo":
        yield f"training_config: {', '.join(learning)} not used; the optimizer is {shape.optimizer}"
    for index, action in enumerate(shape.action_space):
        if action.type == "float":
            yield f"action_space[{index}]: {action.param} takes whole numbers only"
    for index, first in enumerate(_firsts(shape)):
        name, known = shape.state_space[index].metric, shape.state_space[first].metric
        if index != first:
            yield f"state_space[{index}]: {name} is {known}, which is observed already"
    yield from _direction_notes(shape)


def _unused(shape: ForeignShape) -> Iterator[str]:
    """Yields the fields that are not part of the format."""
    if others := shape.others():
        yield f"not used: {', '.join(others)}"
    parts = [("training_config", shape.training_config)]
    for name in ("action_space", "state_space", "constraints"):
        parts += [(f"{name}[{index}]", part) for index, part in enumerate(getattr(shape, name))]
    for where, part in parts:
        if others := part.others():
            yield f"{where}: {', '.join(others)} not used"


def _budget_notes(training: TrainingShape) -> Iterator[str]:
    steps, runs, budget = training.total_timesteps, _runs(training), _budget(training)
    if not runs:
        return
    usual = "" if training.benchmark_timeout else " (the usual)"
    timeout = f"{training.benchmark_timeout or RUN_S:g} s{usual}"
    day = ", as many as fit a day," if runs != steps else ""
    yield (
        f"training_config.total_timesteps {steps}: {_counted(runs, 'run')} of at most {timeout}{day} are a "
        f"budget of {budget.time_s:,.0f} s and at most {_counted(budget.trials, 'trial')}, each of one to "
        "three pairs of runs; the study ends sooner when that time is spent or a further gain is unlikely"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _direction_notes(shape: ForeignShape) -> Iterator[str]:
    found = place_of(shape.benchmark_command, shape.reward_metric)
    words = re.findall(r"[a-z]+", shape.reward_metric.lower())
    if shape.reward_direction is not None:
        return
    if found.direction is Direction.MINIMIZE:
        yield f"{shape.reward_metric} is minimized: less of it is better"
    elif not SMALLER_IS_BETTER.isdisjoint(words) and found.direction is None:
        yield (
            f"{shape.reward_metric} is maximized, as this format has it; "
            'say "reward_direction": "minimize" where less is better'
        )
