"""Words: splits a sentence into stemmed words and clauses, and reads misspelt ones by the nearest known."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

WORD = re.compile(r"[^\W_]+|[,;:.!?()\n]")
COMPOUNDS = (
    (re.compile(r"\bin[\s-](?:memory|ram)\b"), "inmemory"),
    (re.compile(r"\bmake\s+-?j\s*\d*\b"), "makej"),
    (re.compile(r"\bgroup\s+by\b"), "groupby"),
    (re.compile(r"\bi/o\b"), "io"),
    (re.compile(r"(?<=\s)[+&](?=\s)"), "and"),
)
"""What is one word, though it is written as signs, or as two of which the first says nothing by itself."""

SHORTEST_TYPO = 5  # shorter words have too many neighbours
CLOSENESS = 0.84  # of difflib's ratio: one slip in five letters, two in nine


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a sentence: its stem, as it was written, its clause, and the known word it stands for.

    `typo` is true when the word was not known and the nearest known one was taken.
    """

    stem: str
    written: str
    clause: int = 0
    typo: bool = False


def split(text: str, breaks: Collection[str] = ()) -> Iterator[Word]:
    """Yields the words of a text; punctuation and the stems in `breaks` begin a new clause."""
    clause = 0
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = re.sub(r"['\u2019`]", "", re.sub(r"(?<=\d)[.,](?=\d)", "", plain))
    for compound, word in COMPOUNDS:
        plain = compound.sub(word, plain)
    for found in WORD.finditer(plain):
        written = found.group()
        if not written[0].isalnum():
            clause += 1
            continue
        word = stem(written)
        clause += word in breaks
        yield Word(word, written, clause)


@cache
def stem(word: str) -> str:
    """Returns a word without its commonest English endings: "uploading", "uploads" and "upload" agree."""
    if len(word) < 4:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return _bare(word.removesuffix(ending))
    if word.endswith("es") and word[-3] in "sxz":
        return _bare(word[:-2])
    if word.endswith("s") and word[-2] not in "su":
        word = word[:-1]
    return _bare(word)


def _bare(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeilosu":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def nearest(word: str, known: Collection[str]) -> str | None:
    """Returns the known stem that a misspelt one most likely means, None when none is near enough.

    Only words of some length, with the same first letter and at most one letter more or less, are compared:
    "steam" is a word of its own, and "complain" does not mean "compile".
    """
    if len(word) < SHORTEST_TYPO or not word.isascii() or not word.isalpha():
        return None
    lengths = range(max(SHORTEST_TYPO, len(word) - 1), len(word) + 2)
    candidates = sorted(other for other in known if other[0] == word[0] and len(other) in lengths)
    return next(iter(get_close_matches(word, candidates, n=1, cutoff=CLOSENESS)), None)
