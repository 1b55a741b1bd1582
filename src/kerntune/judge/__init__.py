"""Judges pairs of neighbouring runs: noise, gains with intervals, and rules that say when to stop.

Everything here is pure: pairs in, values out. No clocks, no random numbers, no files.
"""

from kerntune.judge.gains import log_gains, middle, spread, unusable
from kerntune.judge.guards import check_guards
from kerntune.judge.noise import noise_of, pair_scale, standard_effect
from kerntune.judge.rules import MOST_PAIRS, audit, confirmation, dropping, racing
from kerntune.judge.ruling import Rule, Ruling
from kerntune.judge.symmetry import CONFIDENCE, FEWEST_PAIRS, evidence, interval

__all__ = [
    "CONFIDENCE",
    "FEWEST_PAIRS",
    "MOST_PAIRS",
    "Rule",
    "Ruling",
    "audit",
    "check_guards",
    "confirmation",
    "dropping",
    "evidence",
    "interval",
    "log_gains",
    "middle",
    "noise_of",
    "pair_scale",
    "racing",
    "spread",
    "standard_effect",
    "unusable",
]
