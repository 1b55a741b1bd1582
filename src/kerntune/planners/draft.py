"""Draft: makes a plan of an intent's rules, the numbers of the sentence, and the catalogue's sources."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kerntune.catalog import Catalog
from kerntune.errors import Fault, PlanError
from kerntune.model.knob import Value
from kerntune.model.plan import Budget, Guard, Hint, Objective, Pick, Plan, WorkloadChoice
from kerntune.planners import words
from kerntune.planners.numbers import Number
from kerntune.planners.rulebook import HintRule, Intent, KnobRule, ObjectiveRule, WorkloadRule

MIB = 1 << 20
COMMAND = re.compile(r"(?<!\S)[\w./]*[A-Za-z]\S*\s--?[A-Za-z][\w-]*")
"""A program with an option: "wrk -t4", "sysbench --threads"; not "read-only", not "a - b"."""


@dataclass(frozen=True, slots=True)
class Link:
    """The link a plan asks for: target options, and notes on numbers that were bent or not used."""

    options: Mapping[str, float | str]
    notes: tuple[str, ...] = ()

    @property
    def bdp(self) -> float:
        """Returns the bytes in flight that fill the link: rate times round trip."""
        rate_mbit = float(self.options.get("rate_mbit", 1000.0))
        return rate_mbit * 1e6 / 8 * self.rtt_s

    @property
    def rtt_s(self) -> float:
        """Returns the round trip in seconds, 0 on a direct link."""
        return float(self.options.get("rtt_ms", 0.0)) / 1e3


def unused(goal: str) -> tuple[str, ...]:
    """Returns what is said of a command in the sentence ("pgbench -c 50"): it is never run."""
    found = COMMAND.search(goal)
    if found is None:
        return ()
    told = "a command is taken from --command alone, and --metric names the number it prints"
    return (f"“{found.group()} …” is not run: {told}",)


def link(intent: Intent, numbers: Sequence[Number]) -> Link:
    """Returns the link for an intent with the sentence's numbers put in, each within the intent's bounds."""
    options = dict(intent.target_options)
    notes = []
    for number in numbers:
        rule = intent.numbers.get(number.option)
        if rule is None:
            own = "runs on this machine alone" if intent.target == "host" else "has a link of its own"
            notes.append(f"{number.written} is not used: this workload {own}")
            continue
        value = options[number.option] = min(max(number.value, rule.low), rule.high)
        if value != number.value:
            notes.append(f"{_said(number, value)}, not {number.written}: {rule.because}")
    return Link(options, tuple(notes))


def plan(name: str, intent: Intent, goal: str, numbers: Sequence[Number], catalog: Catalog) -> Plan:
    """Returns the plan of an intent for a sentence.

    Raises:
        PlanError: the intent's rules name knobs that the catalogue does not know.
    """
    path = link(intent, numbers)
    stretch = _stretch(intent, path)
    objective = _objective(intent.objectives, goal)
    picks = _picks(name, intent.knobs, catalog)
    told = (*(rule.text for rule in intent.notes if _says(goal, rule.when)), *unused(goal), *path.notes)
    return Plan(
        goal=goal,
        workload=WorkloadChoice(intent.workload.name, _options(intent.workload, goal, stretch)),
        objective=Objective(objective.metric, objective.direction, objective.smallest_gain),
        picks=picks,
        hints=tuple(_hints(intent.hints, path, picks, told)),
        guards=tuple(
            Guard(rule.metric, rule.direction, rule.limit, rule.reason)
            for rule in intent.guards
            if rule.metric != objective.metric
        ),
        budget=Budget(intent.budget.trials, float(round(intent.budget.time_s * stretch))),
        target=intent.target,
        target_options=path.options,
        planner="rules",
    )


def _objective(rules: Sequence[ObjectiveRule], goal: str) -> ObjectiveRule:
    said = (rule for rule in rules if _says(goal, rule.when))
    return next(said, next(rule for rule in rules if not rule.when))


def _says(goal: str, phrases: Sequence[str]) -> bool:
    """Returns whether the sentence holds one of the phrases, word for word but for endings."""
    return any(_stems(phrase) in _stems(goal) for phrase in phrases)


@lru_cache(maxsize=1024)
def _stems(text: str) -> str:
    return f" {' '.join(word.stem for word in words.split(text))} "


def _stretch(intent: Intent, path: Link) -> float:
    """Returns by how much runs are longer than usual: a run must last many round trips to say anything."""
    usual_s = float(intent.workload.options.get("duration_s", 0.0))
    if not usual_s:
        return 1.0
    needed_s = intent.workload.round_trips * path.rtt_s
    return max(1.0, min(needed_s, intent.workload.longest_s) / usual_s)


def _options(rule: WorkloadRule, goal: str, stretch: float) -> dict[str, object]:
    options: dict[str, object] = dict(rule.options)
    for case in rule.cases:
        options |= case.options if _says(goal, case.when) else {}
    if stretch > 1.0:
        options["duration_s"] = float(math.ceil(float(rule.options["duration_s"]) * stretch))
    return options


def _picks(name: str, rules: Sequence[KnobRule], catalog: Catalog) -> tuple[Pick, ...]:
    faults, picks = [], []
    for rule in rules:
        known = catalog.find(rule.knob)
        if known is None:
            faults.append(Fault("knobs.knob", rule.knob, "not in the catalogue"))
            continue
        source = rule.source or known.source
        picks.append(Pick(rule.knob, rule.reason, source, rule.low, rule.high, rule.values))
    if faults:
        source = f"rules for {name}"
        raise PlanError(source, faults)
    return tuple(picks)


def _hints(
    rules: Sequence[HintRule], path: Link, picks: Sequence[Pick], told: Sequence[str]
) -> Iterator[Hint]:
    """Yields the starting points; what the reader should be told stands with the first."""
    bounds = {pick.knob: pick for pick in picks}
    seen: list[dict[str, Value]] = []
    for rule in rules:
        config = {knob: _value(value, path, bounds[knob]) for knob, value in rule.config.items()}
        if config in seen:
            continue
        reason = rule.reason if seen else " | ".join((rule.reason, *told))
        seen.append(config)
        yield Hint(config, reason)


def _value(value: Value, path: Link, pick: Pick) -> Value:
    """Returns a hint's value; `"2 bdp"` becomes bytes, a whole number of MiB within the pick's bounds."""
    if not (isinstance(value, str) and value.endswith(" bdp")):
        return value
    size = math.ceil(float(value.removesuffix(" bdp")) * path.bdp / MIB) * MIB
    low = size if pick.low is None else max(size, pick.low)
    return low if pick.high is None else min(low, pick.high)


def _said(number: Number, value: float) -> str:
    match number.option:
        case "rate_mbit":
            return f"planned at {value:g} Mbit/s"
        case "rtt_ms":
            return f"planned at {value:g} ms round trip"
        case _:
            return f"planned at {value * 100:g} % loss"
