"""Pairs with given log gains."""

import math
from collections.abc import Callable, Sequence

import pytest

from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction


def sample(value: float, name: str = "speed") -> Sample:
    return Sample((Metric(name, value, "1/s", Direction.MAXIMIZE),), wall_s=1.0)


@pytest.fixture
def pair_of() -> Callable[[float, float], Pair]:
    """Returns a function from the two values, reference first, to their pair."""
    return lambda reference, candidate: Pair(sample(reference), sample(candidate))


@pytest.fixture
def pairs_of() -> Callable[[Sequence[float]], list[Pair]]:
    """Returns a function from log gains of a metric to be maximized to pairs that have them."""
    return lambda gains: [Pair(sample(100.0), sample(100.0 * math.exp(gain))) for gain in gains]
