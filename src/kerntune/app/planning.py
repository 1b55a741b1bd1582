"""Plans: made of a sentence with the user's own wishes put in, read from files, printed."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from kerntune.app.plugins import plugin, plugins
from kerntune.catalog import load
from kerntune.keep import hint_from
from kerntune.model.plan import Budget, Direction, Objective, Pick, Plan, WorkloadChoice
from kerntune.planfile import Known, dump_plan, load_plan


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The user's own benchmark: a shell command, the metric to improve, and how its output is read.

    The command runs in `directory`, this process's own if not given, so that relative paths mean what they
    mean to the user.
    """

    command: str
    metric: str
    reader: str = "lines"
    direction: Direction = Direction.MAXIMIZE
    directory: Path | None = None
    timeout_s: float = 60.0

    @property
    def script(self) -> str:
        """Returns the command with the change into its directory."""
        return f"cd {shlex.quote(str(self.directory or Path.cwd()))} || exit\n{self.command}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants otherwise than the planner; None leaves it to the planner.

    `policy` is a trained policy of the optimizer ppo. `starts` are tuned profiles or sysctl.conf files whose
    values are tried first.
    """

    target: str | None = None
    optimizer: str | None = None
    seed: int | None = None
    trials: int | None = None
    time_s: float | None = None
    benchmark: Benchmark | None = None
    policy: Path | None = None
    starts: tuple[Path, ...] = ()


def make_plan(goal: str, wishes: Wishes | None = None, *, planner: str = "rules") -> Plan:
    """Returns the plan a planner makes of a sentence, with the user's wishes put in.

    Raises:
        UnclearGoal: The sentence fits several plans.
        InputError: The sentence fits none, or a name is not registered.
    """
    wishes = wishes or Wishes()
    plan: Plan = plugin("planners", planner)(load()).plan(goal)
    plan = replace(
        plan,
        target=wishes.target or plan.target,
        optimizer=wishes.optimizer or plan.optimizer,
        seed=plan.seed if wishes.seed is None else wishes.seed,
        budget=Budget(wishes.trials or plan.budget.trials, wishes.time_s or plan.budget.time_s),
    )
    if wishes.policy is not None:
        options = {**plan.optimizer_options, "policy": str(wishes.policy)}
        plan = replace(plan, optimizer="ppo", optimizer_options=options)
    for path in wishes.starts:
        plan = started_from(plan, path)
    return measured_by(plan, wishes.benchmark) if wishes.benchmark else plan


def started_from(plan: Plan, path: Path) -> Plan:
    """Returns a plan that tries the values of a file first; its knobs are searched, too.

    Raises:
        InputError: the file cannot be read, or holds nothing that may be tried.
    """
    hint, _ = hint_from(path, load())
    picked = {pick.knob for pick in plan.picks}
    added = tuple(Pick(name, hint.reason, str(path)) for name in hint.config if name not in picked)
    return replace(plan, picks=(*plan.picks, *added), hints=(hint, *plan.hints))


def measured_by(plan: Plan, benchmark: Benchmark) -> Plan:
    """Returns a plan measured by the user's benchmark; no guards, as its other metrics are unknown."""
    metric = {"name": benchmark.metric, "direction": str(benchmark.direction)}
    options = {
        "command": benchmark.script,
        "reader": benchmark.reader,
        "metrics": [metric],
        "timeout_s": benchmark.timeout_s,
    }
    return replace(
        plan,
        workload=WorkloadChoice("command", options),
        objective=Objective(benchmark.metric, benchmark.direction, plan.objective.smallest_gain),
        guards=(),
    )


def known() -> Known:
    """Returns the names that plans may use: every registered plug-in's."""
    return Known(
        workloads=frozenset(plugins("workloads")),
        optimizers=frozenset(plugins("optimizers")),
        targets=frozenset(plugins("targets")),
    )


def plan_text(plan: Plan) -> str:
    """Returns a plan as the text of a plan file."""
    return dump_plan(plan)


def read_plan(path: Path, *, skip_missing: bool = False) -> tuple[Plan, tuple[str, ...]]:
    """Returns the plan in a file, and notes on what of it cannot be honoured.

    With `skip_missing`, knobs that kernels no longer have are left out with a note.

    Raises:
        PlanError: Every fault of the file.
        InputError: The file cannot be read.
    """
    return load_plan(path, load(), known(), skip_missing=skip_missing, directory=Path.cwd())
