"""Readers: find metrics in what a benchmark printed. Exactly one value each, or an error; never a guess."""

from kerntune.readers.choose import (
    READERS,
    Wanted,
    choose,
    find_problem,
    known_metric,
    known_metrics,
    read,
)
from kerntune.readers.formats import Known
from kerntune.readers.text import Matches, Reader

__all__ = [
    "READERS",
    "Known",
    "Matches",
    "Reader",
    "Wanted",
    "choose",
    "find_problem",
    "known_metric",
    "known_metrics",
    "read",
]
