"""The planner `rules`: no language model, no network, no weights; the same sentence gives the same plan.

What it knows is data (`intents/*.toml`, `subjects.toml`, `language.toml`); here are only the decision and the
plan's assembly. It never guesses: a sentence between two intents gets both to choose from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kerntune.catalog import Catalog
from kerntune.errors import InputError, UnclearGoal
from kerntune.model.plan import Plan
from kerntune.planners import draft, numbers
from kerntune.planners.rulebook import Intent, Rulebook
from kerntune.planners.sentence import Match, Reader, Understanding

LONGEST_GOAL = 500  # characters
ENOUGH = 2.0  # points below which an intent is not chosen
AHEAD = 1.5  # the first must have this many times the second's points, and at least one point more
MOST_CHOICES = 3
SHOWN = 60  # characters of a goal in a message
EXAMPLE = "one sentence about the workload, such as “bulk file transfer over a long-distance link”"


@dataclass(frozen=True, slots=True)
class Score:
    """How much speaks for an intent, and the matches it comes from."""

    intent: str
    workload: str
    points: float
    matches: tuple[Match, ...]

    def __str__(self) -> str:
        return f"{self.intent} {self.points:.3g}: {', '.join(map(str, self.matches)) or 'nothing'}"


class Rules:
    """Turns a sentence into a plan by the rulebook; `catalog` gives the knobs' sources and their names."""

    def __init__(self, catalog: Catalog, rulebook: Rulebook | None = None) -> None:
        self._catalog = catalog
        self._rulebook = rulebook or Rulebook.load()
        self._reader = Reader(self._rulebook)

    def plan(self, goal: str) -> Plan:
        """Returns the plan for a sentence.

        Raises:
            UnclearGoal: two or three plans are equally likely; they are attached.
            InputError: no plan fits: what is understood is in the hint.
            PlanError: the rules name a knob that the catalogue does not know.
        """
        goal = _checked(goal)
        return self._drafted(goal)

    def explain(self, goal: str) -> tuple[Score, ...]:
        """Returns every intent's score for a sentence, the highest first, with the phrases it comes from."""
        return self._scores(self._understood(_checked(goal)))

    def notes(self, goal: str) -> tuple[str, ...]:
        """Returns what the plan for a sentence does differently from its words, and why ("10 Gbit/s …").

        Raises:
            InputError: as for `plan`.
        """
        goal = _checked(goal)
        _, intent = self._decided(goal)
        return draft.notes(intent, goal, numbers.read(goal))

    def _drafted(self, goal: str) -> Plan:
        name, intent = self._decided(goal)
        return draft.plan(name, intent, goal, numbers.read(goal), self._catalog)

    def _understood(self, goal: str) -> Understanding:
        return self._reader.read(numbers.without(goal, numbers.read(goal)))

    def _scores(self, understanding: Understanding) -> tuple[Score, ...]:
        scores = [
            Score(name, intent.workload.name, understanding.points(name), understanding.of(name))
            for name, intent in self._rulebook.intents.items()
        ]
        return tuple(sorted(scores, key=lambda score: (-score.points, self._rank(score.intent))))

    def _decided(self, goal: str) -> tuple[str, Intent]:
        understanding = self._understood(goal)
        scores = self._scores(understanding)
        first = scores[0]
        self._refuse_subjects(goal, understanding, first.points)
        if not _is_about_speed(understanding, first):
            msg = f"no plan fits {_short(goal)}"
            raise InputError(msg, hint=self._offer())
        if _is_clear(scores) and not self._has_two_goals(understanding):
            return first.intent, self._rulebook.intents[first.intent]
        raise self._unclear(goal, scores, networks=understanding.about_networks)

    def _refuse_subjects(self, goal: str, understanding: Understanding, best: float) -> None:
        subjects = self._rulebook.subjects
        points = {name: understanding.points(name) for name in subjects}
        name = max(subjects, key=lambda subject: points[subject], default=None)
        if name is None or points[name] <= max(best, 0.0):
            return
        named = ", ".join(f"“{match.phrase}”" for match in understanding.of(name))
        msg = f"no workload for {subjects[name].summary} is registered yet ({named} in {_short(goal)})"
        hint = "your own benchmark can be used in a plan file, through the workload `command`"
        raise InputError(msg, hint=f"{hint}; {self._offer()}")

    def _has_two_goals(self, understanding: Understanding) -> bool:
        winners = set()
        for part in understanding.parts:
            points = {name: understanding.points(name, part=part) for name in self._rulebook.intents}
            name = max(points, key=lambda intent: points[intent])
            if points[name] >= ENOUGH:
                winners.add(name)
        return len(winners) > 1

    def _unclear(self, goal: str, scores: Sequence[Score], *, networks: bool) -> UnclearGoal:
        likely = [score for score in scores if score.points > 0 and score.points >= scores[0].points / 2]
        if len(likely) < 2:
            likely = sorted(
                (score for score in scores if score.points >= 0),
                key=lambda score: (-score.points, self._needs_link(score.intent) != networks),
            )
        if len(likely) < 2:
            likely = list(scores[:2])
        choices = [(score.workload, self._why(score)) for score in likely[:MOST_CHOICES]]
        lines = "\n".join(f"  {workload}: {why}" for workload, why in choices)
        msg = f"{_short(goal)} fits several plans:\n{lines}"
        return UnclearGoal(msg, choices, hint="say which one you mean")

    def _why(self, score: Score) -> str:
        intent = self._rulebook.intents[score.intent]
        found = ", ".join(f"“{match.phrase}”" for match in score.matches if match.points > 0)
        because = f" (you wrote {found})" if found else ""
        return f"{intent.summary}{because}; say for example “{intent.example}”"

    def _offer(self) -> str:
        intents = sorted(self._rulebook.intents.values(), key=lambda intent: intent.rank)
        summaries = "; ".join(intent.summary for intent in intents)
        examples = ", ".join(f"“{intent.example}”" for intent in intents[:3])
        return f"understood now: {summaries}. For example: {examples}"

    def _needs_link(self, name: str) -> bool:
        return self._rulebook.intents[name].target == "netns"

    def _rank(self, name: str) -> int:
        return self._rulebook.intents[name].rank


def _checked(goal: str) -> str:
    goal = " ".join("".join(char if char.isprintable() else " " for char in goal).split())
    if not goal:
        msg = "the goal is empty"
        raise InputError(msg, hint=EXAMPLE)
    if len(goal) > LONGEST_GOAL:
        msg = f"the goal has {len(goal)} characters, {LONGEST_GOAL} are read at most"
        raise InputError(msg, hint=EXAMPLE)
    return goal


def _is_clear(scores: Sequence[Score]) -> bool:
    first = scores[0].points
    rival = max((score.points for score in scores[1:]), default=0.0)
    return first >= ENOUGH and first >= AHEAD * rival and first >= max(rival, 0.0) + 1.0


def _is_about_speed(understanding: Understanding, first: Score) -> bool:
    """Returns whether a sentence is about something that kerntune could make faster, plainly or not."""
    improving = understanding.about_improving
    if understanding.is_errand and not improving:
        return False
    hinted = understanding.about_networks or (improving and (first.points > 0 or understanding.about_systems))
    return hinted or first.points >= ENOUGH


def _short(goal: str) -> str:
    return repr(goal if len(goal) <= SHOWN else goal[: SHOWN - 1] + "…")
