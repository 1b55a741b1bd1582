"""The reward: what a search is told of a config, performance and stability weighed. Pure: pairs to a number.

Both parts are relative to the neighbouring runs at the reference config and have the size of a log gain: 0 is
"as the reference", 0.05 is about 5 % better. A verdict is never about the reward.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

from kerntune import judge
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Objective, Reward

EVEN = Reward(0.5, 0.5)
"""Half performance, half stability: what reinforcement-learning configs mean by reward."""

_WIDEST = 700.0  # exp of more overflows


def score(pairs: Sequence[Pair], objective: Objective, reward: Reward) -> float:
    """Returns the reward of a config against the reference of its pairs.

    Raises:
        MetricError: a value of the objective is missing, not finite, zero or negative.
    """
    total = reward.performance * performance(pairs, objective)
    return total + reward.stability * stability(pairs, objective, reward) if reward.stability else total


def performance(pairs: Sequence[Pair], objective: Objective) -> float:
    """Returns the robust middle of the pairs' log gains: log(1 + the verdict's gain)."""
    gain = max(-_WIDEST, min(_WIDEST, judge.middle(judge.log_gains(pairs, objective))))
    fraction = math.expm1(gain)
    return math.log1p(fraction) if fraction > -1 else gain


def stability(pairs: Sequence[Pair], objective: Objective, reward: Reward) -> float:
    """Returns how much steadier the candidate is than the reference, positive is steadier.

    "spread": log((1 + s_reference) / (1 + s_candidate)), s the relative standard deviation of the repeated
    runs; a single pair has none. "pressure": the same with s = the share of CPU time spent waiting for I/O
    plus the share of the time in which a task waited for memory. With k repeats behind it (pairs - 1 for
    "spread", pairs for "pressure") it is shrunk by k / (k + 2): two numbers say little about a spread.
    """
    if reward.definition == "pressure":
        known = [(_waiting(pair.reference), _waiting(pair.candidate)) for pair in pairs]
        steps = [math.log((1 + reference) / (1 + candidate)) for reference, candidate in known]
        return _shrunk(statistics.median(steps), len(steps)) if steps else 0.0
    if len(pairs) < 2:
        return 0.0
    judge.log_gains(pairs, objective)  # refuses what has no relative spread
    reference = _relative_spread([pair.reference[objective.metric].value for pair in pairs])
    candidate = _relative_spread([pair.candidate[objective.metric].value for pair in pairs])
    return _shrunk(math.log((1 + reference) / (1 + candidate)), len(pairs) - 1)


def relative_telemetry(pairs: Sequence[Pair]) -> Mapping[str, float]:
    """Returns what the kernel counted at the candidate as a share of what it counted at the reference.

    Medians over the pairs; what the reference never counted has no share and is left out.
    """
    if not pairs:
        return {}
    candidate, reference = (
        _medians(side) for side in zip(*((p.candidate, p.reference) for p in pairs), strict=True)
    )
    shares = {
        name: candidate[name] / base for name, base in reference.items() if name in candidate and base > 0
    }
    return {name: share for name, share in shares.items() if math.isfinite(share)}


def _medians(samples: Sequence[Sample]) -> dict[str, float]:
    names = set.intersection(*(set(sample.telemetry) for sample in samples))
    return {name: statistics.median(sample.telemetry[name] for sample in samples) for name in sorted(names)}


def _waiting(sample: Sample) -> float:
    """Returns a number from 0 to 2: shares of time spent waiting, as far as this machine counts them."""
    io = sample.telemetry.get("cpu.iowait_share", 0.0)
    memory_us = sample.telemetry.get("psi.memory.some_us", 0.0)
    memory = memory_us / 1e6 / sample.wall_s if sample.wall_s > 0 else 0.0
    return min(max(io, 0.0), 1.0) + min(max(memory, 0.0), 1.0)


def _relative_spread(values: Sequence[float]) -> float:
    largest = max(values)
    shares = [value / largest for value in values]  # the squares of the largest floats overflow
    return statistics.stdev(shares) / statistics.fmean(shares)


def _shrunk(value: float, repeats: int) -> float:
    return value * repeats / (repeats + 2)
