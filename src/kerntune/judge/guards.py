"""Guards: metrics that must not get worse than so many times their neighbours, over a trial's pairs."""

import math
import statistics
from collections.abc import Sequence

from kerntune.errors import RunFailed
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Direction, Guard

ENOUGH = 3
"""Pairs from which on the median decides."""

LENIENCE = 2.0
"""Times the limit, on a log scale, that fewer pairs must be beyond it: one noisy run is no evidence."""


def check_guards(guards: Sequence[Guard], pairs: Sequence[Pair]) -> None:
    """Compares each guarded metric of the candidate with its neighbours at the reference config.

    Raises:
        RunFailed: a guard is broken (kind "guard"): the median of three pairs or more is beyond its limit, or
            that of fewer beyond twice the limit.
    """
    for guard in guards:
        ratio = statistics.median(_ratio(pair, guard.metric) for pair in pairs)
        limit = guard.limit if len(pairs) >= ENOUGH else guard.limit**LENIENCE
        if ratio > limit if guard.direction is Direction.MINIMIZE else ratio < limit:
            side = "above" if guard.direction is Direction.MINIMIZE else "below"
            many = f"in the median of {len(pairs)} pairs" if len(pairs) > 1 else "in one pair"
            msg = f"guard: {guard.metric} is {ratio:.3g} x its neighbour {many}, {side} {limit:.3g}"
            raise RunFailed(msg, kind="guard", hint=guard.reason)


def _ratio(pair: Pair, metric: str) -> float:
    candidate, reference = _value(pair.candidate, metric), _value(pair.reference, metric)
    if reference <= 0:
        return math.inf if candidate > reference else 1.0
    return candidate / reference


def _value(sample: Sample, metric: str) -> float:
    try:
        return sample[metric].value
    except KeyError:
        msg = f"guard: the workload gives no metric {metric}"
        hint = f"it gives {', '.join(found.name for found in sample.metrics)}"
        raise RunFailed(msg, kind="guard", hint=hint) from None
