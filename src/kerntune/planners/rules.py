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
from kerntune.planners.rulebook import Rulebook
from kerntune.planners.sentence import Match, Reader, Understanding

LONGEST_GOAL = 500  # characters
ENOUGH = 2.0  # points below which an intent is not chosen
AHEAD = 1.5  # the first must have this many times the second's points, and at least one point more
ELSEWHERE = 1.0  # points a rival loses when the sentence speaks of the other place; the first loses two
MOST_CHOICES = 3
SHOWN = 60  # characters of a goal in a message
EXAMPLE = "one sentence about the workload, such as “bulk file transfer over a long-distance link”"


@dataclass(frozen=True, slots=True)
class Score:
    """How much speaks for an intent, and the matches it comes from.

    `is_elsewhere`: the sentence speaks of networks alone and the intent is this machine's, or the reverse.
    """

    intent: str
    workload: str
    points: float
    matches: tuple[Match, ...]
    is_elsewhere: bool = False

    def within(self, part: int) -> float:
        """Returns what speaks for the intent in one part of the sentence."""
        return sum(match.points for match in self.matches if match.part == part)

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
        found = numbers.read(goal)
        name = self._decided(goal, self._reader.read(numbers.without(goal, found)))
        return draft.plan(name, self._rulebook.intents[name], goal, found, self._catalog)

    def explain(self, goal: str) -> tuple[Score, ...]:
        """Returns every intent's score for a sentence, the highest first, with the phrases it comes from."""
        goal = _checked(goal)
        return self._scores(self._reader.read(numbers.without(goal, numbers.read(goal))))

    def _scores(self, understanding: Understanding) -> tuple[Score, ...]:
        scores = [
            Score(
                name,
                intent.workload.name,
                understanding.points(name),
                understanding.of(name),
                is_elsewhere=understanding.place not in {"", intent.target},
            )
            for name, intent in self._rulebook.intents.items()
        ]
        return tuple(
            sorted(scores, key=lambda score: (-score.points, score.is_elsewhere, self._rank(score.intent)))
        )

    def _decided(self, goal: str, understanding: Understanding) -> str:
        scores = self._scores(understanding)
        first = scores[0]
        self._refuse_subjects(goal, understanding, first.points)
        named = _named(understanding, scores)
        if not _is_about_speed(understanding, first, named):
            msg = f"no plan fits {_short(goal)}"
            raise InputError(msg, hint="\n".join((*draft.unused(goal), self._offer())))
        if len(named) > 1:
            raise self._unclear(goal, named)
        if _is_clear(scores):
            return first.intent
        raise self._unclear(goal, self._likely(scores, networks=understanding.about_networks))

    def _refuse_subjects(self, goal: str, understanding: Understanding, best: float) -> None:
        subjects = self._rulebook.subjects
        points = {name: understanding.points(name) for name in subjects}
        name = max(subjects, key=lambda subject: points[subject], default=None)
        if name is None or points[name] <= max(best, 0.0):
            return
        named = ", ".join(f"“{match.phrase}”" for match in understanding.of(name))
        msg = f"no workload for {subjects[name].summary} is registered yet ({named} in {_short(goal)})"
        hint = "your own benchmark can be used: --command with a goal that is understood, or a plan file"
        raise InputError(msg, hint=f"{hint} with the workload `command`")

    def _likely(self, scores: Sequence[Score], *, networks: bool) -> Sequence[Score]:
        likely = [score for score in scores if score.points > 0 and score.points >= scores[0].points / 2]
        if len(likely) < 2:
            likely = sorted(
                (score for score in scores if score.points >= 0),
                key=lambda score: (-score.points, self._needs_link(score.intent) != networks),
            )
        return likely if len(likely) >= 2 else scores[:2]

    def _unclear(self, goal: str, likely: Sequence[Score]) -> UnclearGoal:
        choices = [(score.workload, self._why(score)) for score in likely[:MOST_CHOICES]]
        lines = "\n".join(f"  {why}" for _, why in choices)
        msg = f"{_short(goal)} fits several plans:\n{lines}"
        ask = "say which one you mean, with a sentence like those quoted"
        return UnclearGoal(msg, choices, hint="\n".join((*draft.unused(goal), ask)))

    def _why(self, score: Score) -> str:
        intent = self._rulebook.intents[score.intent]
        found = ", ".join(f"“{match.phrase}”" for match in score.matches if match.points > 0)
        because = f" (you wrote {found})" if found else ""
        return f"{intent.summary}: “{intent.example}”{because}"

    def _offer(self) -> str:
        intents = sorted(self._rulebook.intents.values(), key=lambda intent: intent.rank)
        lines = (f"  {intent.summary}: “{intent.example}”" for intent in intents)
        return "\n".join(("understood now, each with a sentence that says it:", *lines))

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


def _named(understanding: Understanding, scores: Sequence[Score]) -> list[Score]:
    """Returns what the parts of "… and …" choose, each once, in the sentence's order.

    In doubt a part speaks of what the whole sentence speaks of most.
    """
    chosen: dict[str, Score] = {}
    for part in understanding.parts:
        points = [score.within(part) for score in scores]
        best = max(points, default=0.0)
        if best >= ENOUGH:
            first = scores[points.index(best)]
            chosen[first.intent] = first
    return list(chosen.values())


def _is_clear(scores: Sequence[Score]) -> bool:
    """Returns whether the first is well ahead; in the place that was not spoken of it must lead by more."""
    lead = scores[0].points - 2 * ELSEWHERE * scores[0].is_elsewhere
    rival = max((score.points - ELSEWHERE * score.is_elsewhere for score in scores[1:]), default=0.0)
    return scores[0].points >= ENOUGH and lead >= AHEAD * rival and lead >= max(rival, 0.0) + 1.0


def _is_about_speed(understanding: Understanding, first: Score, named: Sequence[Score]) -> bool:
    """Returns whether a sentence is about something that kerntune could make faster, plainly or not."""
    improving = understanding.about_improving
    if understanding.is_errand and not improving:
        return False
    hinted = understanding.about_networks or (improving and (first.points > 0 or understanding.about_systems))
    return hinted or first.points >= ENOUGH or bool(named)


def _short(goal: str) -> str:
    return repr(goal if len(goal) <= SHOWN else goal[: SHOWN - 1] + "…")
