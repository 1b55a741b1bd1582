"""Plans: made of a sentence with the user's own wishes put in, read from files, printed."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from kerntune.app.configs import known
from kerntune.app.plugins import plugin
from kerntune.catalog import load
from kerntune.errors import InputError
from kerntune.keep import hint_from
from kerntune.model.knob import Value
from kerntune.model.plan import Budget, Direction, Objective, Pick, Plan, WorkloadChoice
from kerntune.planfile import check_plan, dump_plan


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
        InputError: The sentence fits none, or a wish has a fault.
    """
    plan: Plan = plugin("planners", planner)(load()).plan(goal)
    return wished(plan, wishes or Wishes())


def wished(plan: Plan, wishes: Wishes) -> Plan:
    """Returns a plan with the user's wishes put in, checked as a plan file is.

    Options of a target or an optimizer that is not wanted go with it.

    Raises:
        PlanError: every fault of the plan as it is wished.
        InputError: a start cannot be read; the policy is not of the optimizer that is wished.
    """
    optimizer = wishes.optimizer or ("ppo" if wishes.policy else plan.optimizer)
    options = dict(plan.optimizer_options) if optimizer == plan.optimizer else {}
    if wishes.policy is not None:
        if optimizer != "ppo":
            msg = f"a policy is of the optimizer ppo, not of {optimizer}"
            raise InputError(msg, hint="leave the policy or the optimizer out")
        options["policy"] = str(wishes.policy)
    target = wishes.target or plan.target
    plan = replace(
        plan,
        target=target,
        target_options=plan.target_options if target == plan.target else {},
        optimizer=optimizer,
        optimizer_options=options,
        seed=plan.seed if wishes.seed is None else wishes.seed,
        budget=Budget(
            plan.budget.trials if wishes.trials is None else wishes.trials,
            plan.budget.time_s if wishes.time_s is None else wishes.time_s,
        ),
    )
    for path in wishes.starts:
        plan = started_from(plan, Path(path))
    if wishes.benchmark is not None:
        plan = measured_by(plan, wishes.benchmark)
    return check_plan(plan, load(), known())


def started_from(plan: Plan, path: Path) -> Plan:
    """Returns a plan that tries the values of a file first; its knobs are searched, too, and as far as that.

    Raises:
        InputError: the file cannot be read, or holds nothing that may be tried.
    """
    hint, _ = hint_from(path, load())
    picked = {pick.knob for pick in plan.picks}
    widened = [_reaching(pick, hint.config.get(pick.knob)) for pick in plan.picks]
    added = [Pick(name, hint.reason, str(path)) for name in hint.config if name not in picked]
    return replace(plan, picks=(*widened, *added), hints=(hint, *plan.hints))


def _reaching(pick: Pick, value: Value | None) -> Pick:
    """Returns a pick with a value inside its bounds, or among its values."""
    if value is None:
        return pick
    if pick.values:
        return replace(pick, values=tuple(dict.fromkeys((*pick.values, value))))
    if isinstance(value, str):
        return pick
    return replace(
        pick,
        low=None if pick.low is None else min(pick.low, value),
        high=None if pick.high is None else max(pick.high, value),
    )


def measured_by(plan: Plan, benchmark: Benchmark) -> Plan:
    """Returns a plan measured by the user's benchmark; no guards, as its other metrics are unknown.

    Raises:
        InputError: there is no command.
    """
    if not benchmark.command.strip():
        msg = "the command of the benchmark is empty"
        raise InputError(msg, hint="a shell command that prints the metric, as --command or in Benchmark")
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
        also=(),
    )


def plan_text(plan: Plan) -> str:
    """Returns a plan as the text of a plan file."""
    return dump_plan(plan)
