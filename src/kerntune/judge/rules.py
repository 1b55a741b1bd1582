"""The rules of the stages of a study: how each looks at pairs, and when it has seen enough.

Only `confirmation` may say "better". The others steer; their intervals are rules of thumb with the
confidence they state, not corrected for having been looked at.
"""

import math
from collections.abc import Callable, Sequence

from kerntune.judge.gains import log_gains, middle, spread, unusable
from kerntune.judge.noise import pair_scale
from kerntune.judge.ruling import Rule, Ruling
from kerntune.judge.symmetry import CONFIDENCE, FEWEST_PAIRS, interval
from kerntune.model.measurement import Pair
from kerntune.model.plan import Objective
from kerntune.model.verdict import Noise, Outcome, Verdict

MOST_PAIRS = 25
"""A confirmation gives up after this many pairs."""

_WIDEST = 700.0  # exp of more overflows
_Z68, _Z90 = 1.0, 1.645  # standard normal quantiles: two-sided 68 %, 90 %


def audit(objective: Objective, *, most: int = 6) -> Rule:
    """Returns the rule of the noise audit: `most` pairs of default with default, three where they agree.

    Three are enough when no two neighbours differ by as much as the smallest gain worth having.
    """

    def look(gains: list[float]) -> Ruling:
        quiet = len(gains) >= 3 and max(map(abs, gains)) < math.log1p(objective.smallest_gain)
        verdict = _verdict(Outcome.UNDECIDED, gains, _range(gains), "default against default")
        return Ruling(verdict, finished=quiet or len(gains) >= most)

    return _usable(objective, look)


def racing(objective: Objective, noise: Noise, incumbent: Verdict | None = None, *, most: int = 3) -> Rule:
    """Returns the rule of the search: measure a candidate again while it might be ahead of the best so far.

    One pair is enough for a candidate that lies behind even when its neighbours' noise is granted to it.
    So the best of many is not merely the luckiest of many single runs.

    Args:
        objective: The metric, and the smallest lead worth another pair.
        noise: The audit's noise.
        incumbent: The verdict of the best candidate so far, against the same reference; None is the
            reference itself.
        most: Pairs at most.
    """
    bar = max(_log(incumbent.low), 0.0) if incumbent else 0.0
    bar += math.log1p(objective.smallest_gain)

    def look(gains: list[float]) -> Ruling:
        low, high = _rule_of_thumb(gains, pair_scale(noise), _Z68)
        behind = high < bar
        ahead = len(gains) >= 2 and _rule_of_thumb(gains, pair_scale(noise), _Z90)[0] > bar
        reason = "behind the best so far" if behind else "may be ahead of the best so far"
        verdict = _verdict(Outcome.UNDECIDED, gains, (low, high, 0.68), reason)
        return Ruling(verdict, finished=behind or ahead or len(gains) >= most)

    return _usable(objective, look)


def confirmation(objective: Objective, noise: Noise, *, most: int = MOST_PAIRS) -> Rule:
    """Returns the rule of the confirmation: at 95 %, looked at after every pair, at most `most` pairs.

    It ends as soon as the claim is certain (six pairs at the earliest), and when a gain worth having is out
    of sight. Ending early in the second case can only lose power, never make a false claim.
    """
    scale = pair_scale(noise)
    worthwhile = math.log1p(objective.smallest_gain)

    def look(gains: list[float]) -> Ruling:
        bounds = _bounds(gains, scale)
        outcome, reason = _claim(gains, bounds, worthwhile)
        hopeless = _is_hopeless(gains, bounds, scale, worthwhile)
        if outcome is Outcome.UNDECIDED and hopeless:
            reason = f"a gain of {objective.smallest_gain:.1%} or more is out of sight"
        finished = outcome is not Outcome.UNDECIDED or hopeless or len(gains) >= most
        return Ruling(_verdict(outcome, gains, bounds, reason), finished)

    return _usable(objective, look)


def dropping(objective: Objective, noise: Noise, confirmed: Verdict, *, most: int = 12) -> Rule:
    """Returns the rule of the minimisation: does a config lose measurably against a confirmed, larger one?

    The outcome is worse when it does, undecided when it does not. The margin is the smallest gain worth
    having, or one standard error of `most` pairs where noise hides that, but never more than half of what was
    confirmed: the knob that makes the gain cannot slip through it.
    """
    scale = pair_scale(noise)
    margin = max(math.log1p(objective.smallest_gain), scale / math.sqrt(most))
    margin = min(margin, max(_log(confirmed.gain) / 2, 0.0))

    def look(gains: list[float]) -> Ruling:
        low, high = _rule_of_thumb(gains, scale, _Z90)
        clear = len(gains) >= 2 and (low > -margin or high < -margin)
        finished = clear or len(gains) >= most
        hurts = finished and middle(gains) < -margin
        outcome = Outcome.WORSE if hurts else Outcome.UNDECIDED
        reason = "measurably slower without" if hurts else "not slower without, or too little to matter"
        return Ruling(_verdict(outcome, gains, (low, high, 0.90), reason), finished)

    return _usable(objective, look)


_Bounds = tuple[float, float, float]  # low and high log gain, and the confidence


def _usable(objective: Objective, look: Callable[[list[float]], Ruling]) -> Rule:
    """Returns a rule that looks at log gains, and is invalid where a value has no logarithm."""

    def rule(pairs: Sequence[Pair]) -> Ruling:
        if not pairs:
            return Ruling(_nothing("no pairs yet", 0), finished=False)
        problem = unusable(pairs, objective)
        if problem:
            return Ruling(_nothing(problem, len(pairs)), finished=True)
        return look(log_gains(pairs, objective))

    return rule


def _nothing(reason: str, pairs: int) -> Verdict:
    return Verdict(Outcome.INVALID, gain=0.0, low=0.0, high=0.0, pairs=pairs, confidence=0.0, reason=reason)


def _verdict(outcome: Outcome, gains: Sequence[float], bounds: _Bounds, reason: str) -> Verdict:
    gain = middle(gains)
    low, high, confidence = bounds
    return Verdict(
        outcome,
        gain=_fraction(gain),
        low=_fraction(min(low, gain)),
        high=_fraction(max(high, gain)),
        pairs=len(gains),
        confidence=confidence,
        reason=reason,
    )


def _bounds(gains: Sequence[float], scale: float) -> _Bounds:
    if len(gains) < FEWEST_PAIRS:
        return _range(gains)
    return (*interval(gains, scale), CONFIDENCE)


def _range(gains: Sequence[float]) -> _Bounds:
    """Returns the extremes: they enclose the truth unless all pairs err to one side, like coins."""
    return min(gains), max(gains), 1 - 2.0 ** (1 - len(gains))


def _claim(gains: Sequence[float], bounds: _Bounds, worthwhile: float) -> tuple[Outcome, str]:
    low, high, confidence = bounds
    if confidence < CONFIDENCE:
        return Outcome.UNDECIDED, f"fewer than {FEWEST_PAIRS} pairs prove nothing"
    if low > 0 and middle(gains) >= worthwhile:
        return Outcome.BETTER, ""
    if high < 0:
        return Outcome.WORSE, ""
    return (
        Outcome.UNDECIDED,
        "real, but smaller than worth having" if low > 0 else "the interval includes zero",
    )


def _is_hopeless(gains: Sequence[float], bounds: _Bounds, scale: float, worthwhile: float) -> bool:
    """True when the interval excludes a gain worth having, or ten pairs make it most unlikely."""
    if len(gains) < FEWEST_PAIRS:
        return False
    likely_high = _rule_of_thumb(gains, scale, _Z68)[1]
    return bounds[1] < worthwhile or (len(gains) >= 10 and likely_high < worthwhile)


def _rule_of_thumb(gains: Sequence[float], scale: float, z: float) -> tuple[float, float]:
    """Returns middle ± z standard errors, by the audit's noise or the pairs' own, whichever is larger."""
    center = middle(gains)
    margin = z * max(scale, spread(gains, center)) / math.sqrt(len(gains))
    return center - margin, center + margin


def _fraction(log_gain: float) -> float:
    return math.expm1(max(-_WIDEST, min(_WIDEST, log_gain)))


def _log(fraction: float) -> float:
    return math.log1p(max(fraction, -1 + 2.0**-53))
