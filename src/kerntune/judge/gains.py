"""Log gains of pairs, and the robust middle and spread of a handful of them."""

import math
from collections.abc import Sequence
from statistics import median

from kerntune.errors import MetricError
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Direction, Objective

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""


def log_gains(pairs: Sequence[Pair], objective: Objective) -> list[float]:
    """Returns log(candidate / reference) of each pair, positive where the candidate is better.

    Raises:
        MetricError: a value is missing, not finite, zero or negative: it has no logarithm.
    """
    problem = unusable(pairs, objective)
    if problem:
        raise MetricError(problem)
    sign = 1.0 if objective.direction is Direction.MAXIMIZE else -1.0
    name = objective.metric
    return [sign * math.log(pair.candidate[name].value / pair.reference[name].value) for pair in pairs]


def unusable(pairs: Sequence[Pair], objective: Objective) -> str:
    """Returns why these pairs cannot be compared by their ratio, or nothing."""
    for number, pair in enumerate(pairs, 1):
        for side, sample in (("reference", pair.reference), ("candidate", pair.candidate)):
            problem = _problem(sample, objective.metric)
            if problem:
                return f"pair {number}, {side}: {problem}"
    return ""


def _problem(sample: Sample, name: str) -> str:
    values = [metric.value for metric in sample.metrics if metric.name == name]
    if not values:
        return f"no metric {name}"
    if not math.isfinite(values[0]):
        return f"{name} is {values[0]}, not a finite number"
    if values[0] <= 0:
        return f"{name} is {values[0]:g}; a ratio needs numbers above zero"
    return ""


def middle(gains: Sequence[float]) -> float:
    """Returns the median of all pairwise means: robust as a median, nearly as sharp as a mean.

    Source: Hodges and Lehmann 1963, "Estimates of location based on rank tests".
    """
    return median((a + b) / 2 for i, a in enumerate(gains) for b in gains[i:])


def spread(gains: Sequence[float], center: float) -> float:
    """Returns a robust standard deviation of gains about a center: outliers do not move it.

    Where more than half of them lie on the center itself (coarse metrics), the mean deviation is used.
    """
    deviations = [abs(gain - center) for gain in gains]
    typical = median(deviations)
    if typical > 0:
        return MAD_TO_SIGMA * typical
    return math.sqrt(math.pi / 2) * sum(deviations) / len(deviations)
