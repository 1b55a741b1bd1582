"""What repeating the default says about a machine's noise, and about what can be seen through it."""

import math
from collections.abc import Sequence

from kerntune.errors import KerntuneBug
from kerntune.judge.gains import log_gains, spread
from kerntune.judge.symmetry import FEWEST_PAIRS
from kerntune.model.measurement import Pair
from kerntune.model.plan import Objective
from kerntune.model.verdict import Noise

POWER_Z = 0.8416
"""The standard normal quantile of 80 %."""


def noise_of(pairs: Sequence[Pair], objective: Objective, *, most: int = 25) -> Noise:
    """Returns the noise of default/default pairs and the smallest gain `most` further pairs could show.

    Raises:
        MetricError: a value cannot be used.
        KerntuneBug: there are no pairs.
    """
    if not pairs:
        msg = "noise was asked for without a single pair"
        raise KerntuneBug(msg)
    # the true gain of default over default is zero: it need not be estimated
    scale = spread(log_gains(pairs, objective), center=0.0)
    return Noise(
        run_to_run=scale / math.sqrt(2),
        drift=_drift(pairs, objective.metric),
        detectable=_detectable(scale, objective, most),
        pairs=len(pairs),
    )


def pair_scale(noise: Noise) -> float:
    """Returns the standard deviation of one pair's log gain: two runs differ by more than one varies."""
    return noise.run_to_run * math.sqrt(2)


def _drift(pairs: Sequence[Pair], metric: str) -> float:
    """Returns how far the slowest pair lies below the fastest: neighbours averaged, so that levels remain."""
    levels = [
        math.log(p.reference[metric].value) / 2 + math.log(p.candidate[metric].value) / 2 for p in pairs
    ]
    return math.expm1(max(levels) - min(levels))


def _detectable(scale: float, objective: Objective, most: int) -> float:
    """Returns the gain that 80 % of confirmations of `most` pairs show, under normal noise of this scale.

    Two things must hold: the evidence refutes zero, and the estimate reaches the smallest gain worth having.
    """
    refutes_zero = scale * standard_effect(most)
    worth_having = math.log1p(objective.smallest_gain) + POWER_Z * scale / math.sqrt(most)
    return math.expm1(max(refutes_zero, worth_having))


def standard_effect(most: int) -> float:
    """Returns the effect, in standard deviations of a pair, seen with 80 % power within `most` pairs.

    Fitted to simulations of the confirmation under normal noise, the scale taken from six audited pairs:
    1.79, 1.42, 1.05, 0.88, 0.77, 0.54 at 8, 10, 15, 20, 25, 50 pairs; the fit is within 5 % of these.
    """
    if most < FEWEST_PAIRS:
        return math.inf
    return 3.5 / math.sqrt(most - 4)
