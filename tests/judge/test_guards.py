"""Guards are judged over pairs: one noisy run breaks none, a median does."""

import pytest

from kerntune.errors import RunFailed
from kerntune.judge import check_guards
from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction, Guard

LATENCY = Guard("p99", Direction.MINIMIZE, 1.25, "tails matter")
RATE = Guard("rate", Direction.MAXIMIZE, 0.8)


def pairs(*candidates: float, reference: float = 10.0, metric: str = "p99") -> list[Pair]:
    direction = Direction.MINIMIZE if metric == "p99" else Direction.MAXIMIZE
    base = Sample((Metric(metric, reference, "ms", direction),), 1.0)
    return [Pair(base, Sample((Metric(metric, value, "ms", direction),), 1.0)) for value in candidates]


def test_one_noisy_pair_breaks_no_guard():
    """1.4 times in one pair happens without any change; 1.25 squared does not."""
    check_guards([LATENCY], pairs(14.0))

    with pytest.raises(RunFailed, match=r"p99 is 1\.6 x its neighbour in one pair, above 1\.56") as caught:
        check_guards([LATENCY], pairs(16.0))

    assert caught.value.kind == "guard"
    assert caught.value.hint == "tails matter"


def test_the_median_of_three_pairs_decides():
    """A limit is a limit then, and one bad run among good ones does not matter."""
    check_guards([LATENCY], pairs(30.0, 11.0, 10.0))
    check_guards([LATENCY], pairs(12.5, 12.5, 12.5))

    with pytest.raises(RunFailed, match=r"in the median of 3 pairs, above 1\.25"):
        check_guards([LATENCY], pairs(14.0, 13.0, 9.0))


def test_a_metric_that_should_be_large_is_guarded_from_below():
    """The same the other way round."""
    check_guards([RATE], pairs(9.0, 8.5, 8.1, metric="rate"))

    with pytest.raises(RunFailed, match=r"below 0\.8"):
        check_guards([RATE], pairs(7.9, 7.0, 9.0, metric="rate"))


def test_a_metric_the_workload_lacks_is_told():
    """A guard that guards nothing is a failure, not silence."""
    with pytest.raises(RunFailed, match="no metric rate"):
        check_guards([RATE], pairs(10.0))


def test_a_neighbour_of_zero_has_no_multiple():
    """Anything above it breaks the guard, zero beside zero does not."""
    check_guards([LATENCY], pairs(0.0, reference=0.0))

    with pytest.raises(RunFailed, match="inf"):
        check_guards([LATENCY], pairs(1.0, reference=0.0))
