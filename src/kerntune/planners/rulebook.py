"""The rules as data: one TOML file an intent, one for subjects without a workload, one for plain language.

Nothing here understands a sentence; it only reads and checks the files. A new workload is one new file.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kerntune.errors import Fault, PlanError
from kerntune.model.knob import Value
from kerntune.model.plan import Direction

AGAINST = -3.0  # points of a phrase that speaks against an intent

Text = Annotated[str, Field(min_length=3)]
Words = tuple[Annotated[str, Field(min_length=1)], ...]


class Entry(BaseModel):
    """A table of a rules file: frozen, and an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Rule = TypeVar("Rule", bound=Entry)


class Vocabulary(Entry):
    """Phrases by how much they say; `troubles` are those whose absence one wishes for ("no packet loss").

    `named` are names of programs and of their kind ("redis"): whoever says one means no intent that does not
    know it.
    """

    named: Words = ()
    certain: Words = ()
    likely: Words = ()
    possible: Words = ()
    against: Words = ()
    troubles: Words = ()

    def weights(self) -> dict[str, float]:
        """Returns each phrase with the points it gives the intent."""
        levels = (
            (self.possible, 1.0),
            (self.likely, 2.0),
            (self.certain, 4.0),
            (self.named, 6.0),
            (self.against, AGAINST),
        )
        return {phrase: points for phrases, points in levels for phrase in phrases}


Options = Mapping[str, bool | int | float | str]


class CaseRule(Entry):
    """Options of the workload for sentences that hold one of the phrases in `when`."""

    when: Annotated[Words, Field(min_length=1)]
    options: Options


class WorkloadRule(Entry):
    """The workload and its options; a run lasts at least `round_trips` of the link, up to `longest_s`."""

    name: Text
    options: Options = {}
    cases: tuple[CaseRule, ...] = ()
    round_trips: float = 0.0
    longest_s: float = 30.0


class ObjectiveRule(Entry):
    """The metric to improve. With `when`, only for sentences that hold one of its phrases."""

    metric: Text
    direction: Direction
    smallest_gain: Annotated[float, Field(gt=0, lt=1)] = 0.03
    when: Words = ()


class KnobRule(Entry):
    """A knob worth turning; without a source of its own it has the catalogue's."""

    knob: Text
    reason: Text
    source: str = ""
    low: int | None = None
    high: int | None = None
    values: tuple[Value, ...] = ()


class HintRule(Entry):
    """A starting point. A value `"2 bdp"` is twice the link's rate times round trip, in whole MiB."""

    config: Mapping[str, Value]
    reason: Text


class GuardRule(Entry):
    """A metric that must not get worse than `limit` times its neighbour at the default."""

    metric: Text
    direction: Direction
    limit: Annotated[float, Field(gt=0)]
    reason: Text


class BudgetRule(Entry):
    """Trials of the search, and seconds for everything at the workload's own run length."""

    trials: Annotated[int, Field(ge=1)]
    time_s: Annotated[float, Field(gt=0)]


class NumberRule(Entry):
    """A number of the sentence that the link takes: its target option, bounds, and why there are bounds."""

    low: float
    high: float
    because: Text


class NoteRule(Entry):
    """What the user of a plan should know, for sentences that hold one of the phrases in `when`."""

    when: Annotated[Words, Field(min_length=1)]
    text: Text


class Intent(Entry):
    """Everything about one kind of goal. `rank` orders the choices that a vague sentence gets.

    `target` is where its plan is carried out: in a sandbox with a link ("netns"), or on the machine ("host").
    `replaces` names the subjects (those without a workload) that this intent now covers.
    """

    summary: Text
    example: Text
    rank: int
    replaces: Words = ()
    vocabulary: Vocabulary
    workload: WorkloadRule
    objectives: Annotated[tuple[ObjectiveRule, ...], Field(min_length=1)]
    knobs: Annotated[tuple[KnobRule, ...], Field(min_length=3, max_length=8)]
    hints: Annotated[tuple[HintRule, ...], Field(min_length=2, max_length=3)]
    guards: tuple[GuardRule, ...] = ()
    budget: BudgetRule
    notes: tuple[NoteRule, ...] = ()
    target: Literal["netns", "host"] = "netns"
    target_options: Mapping[str, float | str] = {}
    numbers: Mapping[str, NumberRule] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        picked = [rule.knob for rule in self.knobs]
        if len(set(picked)) != len(picked):
            msg = "a knob is named twice"
            raise ValueError(msg)
        if strangers := {knob for hint in self.hints for knob in hint.config} - set(picked):
            msg = f"hints turn knobs that are not picked: {', '.join(sorted(strangers))}"
            raise ValueError(msg)
        if sum(not rule.when for rule in self.objectives) != 1:
            msg = "exactly one objective must stand without `when`"
            raise ValueError(msg)
        return self


class Subject(Entry):
    """A subject that is recognised but for which no workload is registered yet."""

    summary: Text
    words: Words


class Language(Entry):
    """Plain English that no intent owns.

    `fillers` say nothing, `breaks` end what a negation reaches, `asides` set something aside ("instead of"),
    `absences` wish it away ("without"), `complaints` only look like setting aside ("not using"), `troubles`
    are what anybody wishes away ("degrading"), `joins` tie two goals together, `weak` words only end a
    negation, `network` words are about networks without saying what, `system` words about the machine,
    `improve` words only say that it should be better. A sentence that begins with one of the `errands` wants
    something else than speed.
    """

    fillers: Words
    breaks: Words
    asides: Words
    absences: Words
    complaints: Words
    troubles: Words
    joins: Words
    weak: Words
    network: Words
    system: Words
    improve: Words
    errands: Words


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules, by intent and by subject."""

    intents: Mapping[str, Intent]
    subjects: Mapping[str, Subject]
    language: Language

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Self:
        """Returns the rules of a folder (`language.toml`, `subjects.toml`, `intents/*.toml`); default: ours.

        Raises:
            PlanError: every fault of the first faulty file, with field and value.
        """
        folder = folder or files("kerntune.planners")
        entries = sorted((folder / "intents").iterdir(), key=lambda entry: entry.name)
        intents = {
            entry.name.removesuffix(".toml"): _parse(Intent, entry)
            for entry in entries
            if entry.name.endswith(".toml")
        }
        replaced = {name for intent in intents.values() for name in intent.replaces}
        subjects = _parse(_Subjects, folder / "subjects.toml").subjects
        left = {name: subject for name, subject in subjects.items() if name not in replaced}
        return cls(intents, left, _parse(Language, folder / "language.toml"))


class _Subjects(Entry):
    subjects: Mapping[str, Subject]


def _parse(kind: type[Rule], entry: Traversable) -> Rule:
    try:
        return kind.model_validate(tomllib.loads(entry.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(entry.name, [Fault("file", entry.name, f"not TOML: {error}")]) from error
    except ValidationError as error:
        faults = [
            Fault(".".join(map(str, found["loc"])), found["input"], found["msg"]) for found in error.errors()
        ]
        raise PlanError(entry.name, faults) from error
