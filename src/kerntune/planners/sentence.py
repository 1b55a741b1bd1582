"""Sentence: finds the rules' phrases in a sentence and adds up, openly, what speaks for each intent.

Longer phrases take their words first ("video upload" is not also a "video"). A phrase that is set aside
("instead of throughput") counts against its intent, unless it names a trouble that is wished away ("no packet
loss").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from kerntune.planners import words
from kerntune.planners.rulebook import AGAINST, Language, Rulebook
from kerntune.planners.words import Word

TYPO_SHARE = 0.8  # what a phrase still counts when one of its words had to be guessed
ABSENCE_REACH = 3  # words after "no" or "without" that it speaks of
SUBJECT_POINTS = 3.0


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found in the sentence.

    `owner` is the intent or subject it belongs to, `points` what it gives (negative when it is set aside),
    `part` which goal of an "and" it is in, `typos` the words that were read as another.
    """

    owner: str
    phrase: str
    points: float
    part: int = 0
    typos: tuple[str, ...] = ()

    def __str__(self) -> str:
        guessed = f", read from {', '.join(map(repr, self.typos))}" if self.typos else ""
        return f"“{self.phrase}” {self.points:+.3g}{guessed}"


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was found in a sentence: matches, and whether it speaks of networks, machines, improving at all.

    An errand ("install …") is about something else, whatever it names.
    """

    matches: tuple[Match, ...]
    about_networks: bool
    about_systems: bool
    about_improving: bool
    is_errand: bool

    @property
    def place(self) -> str:
        """Returns the target that the sentence's place suggests, empty if it names none or both."""
        if self.about_networks == self.about_systems:
            return ""
        return "netns" if self.about_networks else "host"

    def points(self, owner: str) -> float:
        """Returns what speaks for an intent or subject."""
        return sum(match.points for match in self.of(owner))

    def of(self, owner: str) -> tuple[Match, ...]:
        """Returns the matches that speak for or against an intent or subject."""
        return tuple(match for match in self.matches if match.owner == owner)

    @property
    def parts(self) -> range:
        """Returns the parts of a sentence that names several goals ("… and …")."""
        return range(1 + max((match.part for match in self.matches), default=0))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of the rules as stems, with the points it gives each owner."""

    stems: tuple[str, ...]
    text: str
    points: tuple[tuple[str, float], ...]
    trouble_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weight:
    """What one phrase of the rules gives one owner; `is_trouble` if it names what is wished away."""

    stems: tuple[str, ...]
    text: str
    owner: str
    points: float
    is_trouble: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """Words that are set aside or wished away; it is not held against intents whose trouble is among them."""

    reach: frozenset[int]
    spared: frozenset[str] = frozenset()


class Reader:
    """Reads sentences with the vocabulary of a rulebook."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._language = _stems_of(rulebook.language)
        self._singles = {
            group: frozenset(phrase[0] for phrase in phrases if len(phrase) == 1)
            for group, phrases in self._language.items()
        }
        self._contents: dict[str, tuple[str, ...]] = {}
        self._phrases = self._vocabulary(rulebook)
        self._known = {stem for phrase in self._phrases for stem in phrase.stems}
        self._plain = {stem for group in self._language.values() for phrase in group for stem in phrase}

    def read(self, text: str) -> Understanding:
        """Returns what the rules' phrases say about a sentence."""
        sentence = [self._read_typo(word) for word in words.split(text, self._singles["breaks"])]
        taken = self._found(sentence)
        used = {index for _, span in taken for index in span}
        turns = [*self._asides(sentence, used), *self._absences(sentence, used, taken)]
        parts = self._parts(sentence)
        matches = [
            match
            for phrase, span in taken
            for match in _matches(phrase, span, sentence, parts[span[0]], turns)
        ]
        unique = {(match.owner, match.phrase): match for match in matches}
        stems = [word.stem for word in sentence]
        return Understanding(
            tuple(unique.values()),
            about_networks=self._speaks(stems, "network"),
            about_systems=self._speaks(stems, "system"),
            about_improving=self._speaks(stems, "improve"),
            is_errand=self._is_errand(stems),
        )

    def _found(self, sentence: Sequence[Word]) -> list[tuple[Phrase, tuple[int, ...]]]:
        """Returns the phrases found, longest first, none sharing a word with another; in sentence order."""
        taken: set[int] = set()
        found = []
        for phrase in self._phrases:
            for span in _spans(sentence, phrase.stems, self._singles["fillers"], taken):
                taken.update(span)
                found.append((phrase, span))
        return sorted(found, key=lambda item: item[1])

    def _asides(self, sentence: Sequence[Word], used: set[int]) -> Iterator[Turn]:
        complaints = {index for span in self._cues("complaints", sentence, used) for index in span}
        for cue in self._cues("asides", sentence, used | complaints):
            yield Turn(frozenset(self._reach(sentence, cue)))

    def _absences(
        self, sentence: Sequence[Word], used: set[int], taken: Sequence[tuple[Phrase, tuple[int, ...]]]
    ) -> Iterator[Turn]:
        for cue in self._cues("absences", sentence, used):
            reach = frozenset(_after(sentence, cue, self._singles["fillers"])[:ABSENCE_REACH])
            if any(sentence[i].stem in self._singles["troubles"] for i in reach):
                continue
            named = [phrase.trouble_of for phrase, span in taken if reach.intersection(span)]
            yield Turn(reach, frozenset().union(*named))

    def _cues(self, group: str, sentence: Sequence[Word], used: set[int]) -> Iterator[tuple[int, ...]]:
        for cue in sorted(self._language[group], key=len, reverse=True):
            for start in range(len(sentence) - len(cue) + 1):
                span = tuple(range(start, start + len(cue)))
                if tuple(sentence[i].stem for i in span) == cue and not used.intersection(span):
                    yield span

    def _reach(self, sentence: Sequence[Word], cue: Sequence[int]) -> list[int]:
        """Returns what a cue sets aside: the rest of its clause, or what came before when nothing follows."""
        weak = self._singles["fillers"] | self._singles["weak"]
        return _after(sentence, cue, weak) or [
            i for i in range(cue[0]) if sentence[i].clause == sentence[cue[0]].clause
        ]

    def _parts(self, sentence: Sequence[Word]) -> list[int]:
        joins, parts, part = self._singles["joins"], [], 0
        for word in sentence:
            part += word.stem in joins
            parts.append(part)
        return parts

    def _read_typo(self, word: Word) -> Word:
        if word.stem in self._known or word.stem in self._plain:
            return word
        meant = words.nearest(word.stem, self._known)
        return Word(meant, word.written, word.clause, typo=True) if meant else word

    def _speaks(self, stems: Sequence[str], group: str) -> bool:
        text = f" {' '.join(stems)} "
        return any(f" {' '.join(phrase)} " in text for phrase in self._language[group])

    def _is_errand(self, stems: Sequence[str]) -> bool:
        """Returns whether the first words that say something are those of an errand."""
        silent = self._singles["fillers"] | self._singles["breaks"]
        said = [stem for stem in stems if stem not in silent]
        return any(tuple(said[: len(phrase)]) == phrase for phrase in self._language["errands"])

    def _vocabulary(self, rulebook: Rulebook) -> list[Phrase]:
        weights = sorted(self._weights(rulebook), key=attrgetter("stems"))
        grouped = [_phrase(stems, list(group)) for stems, group in groupby(weights, attrgetter("stems"))]
        return sorted(grouped, key=lambda phrase: (-len(phrase.stems), phrase.stems))

    def _weights(self, rulebook: Rulebook) -> Iterator[Weight]:
        for name, intent in rulebook.intents.items():
            troubles = {self._content(text) for text in intent.vocabulary.troubles}
            for text, points in intent.vocabulary.weights().items():
                stems = self._content(text)
                yield Weight(stems, text, name, points, stems in troubles)
        yield from self._against_strangers(rulebook)
        for name, subject in rulebook.subjects.items():
            for text in subject.words:
                yield Weight(self._content(text), text, name, SUBJECT_POINTS, is_trouble=True)

    def _against_strangers(self, rulebook: Rulebook) -> Iterator[Weight]:
        """Yields the names of programs as rules against every intent that does not know them."""
        known = {
            name: {self._content(text) for text in intent.vocabulary.weights()}
            for name, intent in rulebook.intents.items()
        }
        for intent in rulebook.intents.values():
            for text in intent.vocabulary.named:
                stems = self._content(text)
                for name, phrases in known.items():
                    if stems not in phrases:
                        yield Weight(stems, text, name, AGAINST)

    def _content(self, text: str) -> tuple[str, ...]:
        """Returns a phrase's stems without fillers, remembered: each intent asks for it again."""
        if text not in self._contents:
            fillers = self._singles["fillers"]
            stems = tuple(word.stem for word in words.split(text))
            self._contents[text] = tuple(word for word in stems if word not in fillers) or stems
        return self._contents[text]


def _phrase(stems: tuple[str, ...], weights: Sequence[Weight]) -> Phrase:
    points = {weight.owner: weight.points for weight in weights}
    troubles = frozenset(weight.owner for weight in weights if weight.is_trouble)
    return Phrase(stems, weights[0].text, tuple(points.items()), troubles)


def _spans(
    sentence: Sequence[Word], stems: Sequence[str], fillers: frozenset[str], taken: set[int]
) -> Iterator[tuple[int, ...]]:
    """Yields where a phrase stands, fillers between its words allowed, within one clause."""
    for start, first in enumerate(sentence):
        if first.stem != stems[0] or start in taken:
            continue
        span, index = [start], start + 1
        for stem in stems[1:]:
            while index < len(sentence) and sentence[index].stem in fillers and sentence[index].stem != stem:
                index += 1
            if (
                index == len(sentence)
                or sentence[index].stem != stem
                or sentence[index].clause != first.clause
            ):
                break
            span.append(index)
            index += 1
        if len(span) == len(stems) and not taken.intersection(span):
            yield tuple(span)


def _after(sentence: Sequence[Word], cue: Sequence[int], skip: frozenset[str]) -> list[int]:
    clause = sentence[cue[-1]].clause
    rest = range(cue[-1] + 1, len(sentence))
    return [i for i in rest if sentence[i].clause == clause and sentence[i].stem not in skip]


def _matches(
    phrase: Phrase, span: Sequence[int], sentence: Sequence[Word], part: int, turns: Sequence[Turn]
) -> Iterator[Match]:
    typos = tuple(sentence[i].written for i in span if sentence[i].typo)
    share = TYPO_SHARE if typos else 1.0
    for owner, points in phrase.points:
        turned = any(turn.reach.intersection(span) and owner not in turn.spared for turn in turns)
        counted = -max(points, 0.0) if turned else points
        yield Match(owner, phrase.text, counted * share, part, typos)


def _stems_of(language: Language) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    return {
        group: tuple(tuple(word.stem for word in words.split(phrase)) for phrase in phrases)
        for group, phrases in language.model_dump().items()
    }
