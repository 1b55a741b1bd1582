"""Evidence of an effect that may be looked at after every pair, and the interval it implies.

When two configs are equal, and chance decides which of the two runs first, the log gain of a pair is as
likely +d as -d, whatever the noise looks like: skewed, heavy-tailed, drifting. So a game that pays
1 + tanh(b d) for each pair is fair, however the bet b is chosen beforehand. Capital that starts at 1 exceeds
40 in at most 1 of 40 such games, at whatever moment one stops. Capital is the evidence.

Sources: Ville 1939 (the inequality); Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic statistics and
safe anytime-valid inference" (the method). Why this one: docs/decisions/0001-evidence-from-signs.md.
"""

import math
from collections.abc import Sequence

CONFIDENCE = 0.95
"""Of the two-sided interval; each side may err in half of the rest."""

NEEDED = 2 / (1 - CONFIDENCE)
"""The capital at which a side is decided: 40."""

FEWEST_PAIRS = math.ceil(math.log2(NEEDED))
"""Six: a game that at most doubles the capital at each pair reaches 40 no sooner. Six heads in a row."""

BETS = (0.35, 0.7, 1.4)
"""Per standard deviation of a pair: for small, middling and large effects. Capital is split among them."""

_FINEST = 1e-4
"""A pair's standard deviation is taken to be 0.01 % at least: no metric is better than that."""


def evidence(gains: Sequence[float], at: float, scale: float) -> float:
    """Returns the capital of the game against "the true log gain is `at` or less", played over all pairs.

    Args:
        gains: Log gains of the pairs, in order.
        at: The log gain to be refuted.
        scale: The standard deviation of one pair's log gain, known beforehand (from the audit). A wrong scale
            costs power, never validity.
    """
    return _capital([gain - at for gain in gains], scale)


def interval(gains: Sequence[float], scale: float) -> tuple[float, float]:
    """Returns bounds of the true log gain that hold at 95 %, however often the pairs were looked at.

    Needs six pairs; with fewer every bound is infinite.
    """
    if len(gains) < FEWEST_PAIRS:
        return -math.inf, math.inf
    return _lower_bound(gains, scale), -_lower_bound([-gain for gain in gains], scale)


def _capital(excesses: Sequence[float], scale: float) -> float:
    stakes = [2 * bet / max(scale, _FINEST) for bet in BETS]
    # 1 + tanh(x) = 2 / (1 + exp(-2x)); beyond ±60 nothing changes but the risk of an overflow
    games = (
        math.prod([2 / (1 + math.exp(-max(-60.0, min(60.0, stake * excess)))) for excess in excesses])
        for stake in stakes
    )
    return sum(games) / len(BETS)


def _lower_bound(gains: Sequence[float], scale: float) -> float:
    """Returns the largest log gain that the evidence refutes, by bisection: capital falls as `at` rises."""
    unit = max(scale, _FINEST)
    refuted, standing = min(gains) - 40 * unit, max(gains)
    while standing - refuted > unit / 200:
        at = (refuted + standing) / 2
        if evidence(gains, at, scale) >= NEEDED:
            refuted = at
        else:
            standing = at
    return refuted
