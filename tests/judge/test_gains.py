"""Log gains: their sign, what has none, and the robust middle and spread."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerntune.errors import MetricError
from kerntune.judge import log_gains, middle, spread, unusable
from kerntune.model.plan import Direction, Objective

SPEED = Objective("speed", Direction.MAXIMIZE)
LATENCY = Objective("speed", Direction.MINIMIZE)
LOGS = st.lists(st.floats(-3, 3), min_size=1, max_size=12)


def test_a_gain_is_positive_where_the_candidate_is_better(pair_of):
    """Twice the throughput and half the latency are the same gain."""
    assert log_gains([pair_of(100.0, 200.0)], SPEED) == pytest.approx([math.log(2)])
    assert log_gains([pair_of(100.0, 50.0)], LATENCY) == pytest.approx([math.log(2)])


def test_a_swapped_pair_has_the_opposite_gain(pair_of):
    """Which side is called candidate decides nothing but the sign."""
    pair = pair_of(100.0, 130.0)

    assert log_gains([pair.swapped()], SPEED) == pytest.approx([-gain for gain in log_gains([pair], SPEED)])


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", ["reference", "candidate"])
def test_a_value_without_a_logarithm_is_named_and_never_a_number(pair_of, value, side):
    """The reason names the pair and the side; no gain is invented."""
    bad = pair_of(value, 100.0) if side == "reference" else pair_of(100.0, value)
    pairs = [pair_of(100.0, 100.0), bad]

    assert unusable(pairs, SPEED).startswith(f"pair 2, {side}: speed is {value:g}")
    with pytest.raises(MetricError, match="pair 2"):
        log_gains(pairs, SPEED)


def test_a_missing_metric_is_named(pair_of):
    """The objective may ask for what the workload does not give."""
    assert (
        unusable([pair_of(1.0, 1.0)], Objective("p99", Direction.MINIMIZE))
        == "pair 1, reference: no metric p99"
    )


@given(LOGS, st.floats(-2, 2))
def test_middle_lies_inside_and_moves_along(gains, shift):
    """It is an estimate of location: between the extremes, and shifted when all gains are."""
    assert min(gains) - 1e-12 <= middle(gains) <= max(gains) + 1e-12
    assert middle([gain + shift for gain in gains]) == pytest.approx(middle(gains) + shift, abs=1e-9)


def test_one_wild_run_moves_neither_middle_nor_spread():
    """A run that took three times as long is one of ten, and counts as one of ten."""
    rng = random.Random(1)
    quiet = [rng.gauss(0.05, 0.02) for _ in range(9)]
    wild = [*quiet, 1.1]

    assert middle(wild) == pytest.approx(middle(quiet), abs=0.01)
    assert spread(wild, middle(wild)) < 2 * spread(quiet, middle(quiet))


def test_spread_of_a_coarse_metric_is_not_zero():
    """Most repeats give the very same number; the others still say something."""
    assert spread([0.0, 0.0, 0.0, 0.1], center=0.0) == pytest.approx(math.sqrt(math.pi / 2) * 0.025)
