"""Evidence under sign symmetry: fair by enumeration of all signs, not by trust in a formula."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.judge import FEWEST_PAIRS, evidence, interval

MAGNITUDES = st.lists(st.floats(1e-4, 2), min_size=6, max_size=8)
SCALE = st.floats(1e-3, 1)


def signed(magnitudes):
    """Yields the gains under each equally likely assignment of signs."""
    for signs in product((1, -1), repeat=len(magnitudes)):
        yield [sign * magnitude for sign, magnitude in zip(signs, magnitudes, strict=True)]


@settings(max_examples=20, deadline=None)
@given(MAGNITUDES, SCALE)
def test_the_game_is_fair_whatever_the_noise(magnitudes, scale):
    """Averaged over all signs the capital stays 1: exactly, for any magnitudes and any bet."""
    capitals = [evidence(gains, 0.0, scale) for gains in signed(magnitudes)]

    assert math.fsum(capitals) / len(capitals) == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(1e-4, 2), min_size=9, max_size=9), SCALE)
def test_looking_after_every_pair_errs_no_more_often_than_stated(magnitudes, scale):
    """Of all signs, at most one in 40 ever leads to a capital of 40, at any of the looks."""
    ever = sum(
        any(evidence(gains[:looked], 0.0, scale) >= 40 for looked in range(1, len(gains) + 1))
        for gains in signed(magnitudes)
    )

    assert ever / 2 ** len(magnitudes) <= 1 / 40


@settings(max_examples=5, deadline=None)
@given(st.lists(st.floats(1e-4, 2), min_size=8, max_size=8), SCALE, st.floats(-0.5, 0.5))
def test_the_interval_misses_no_more_often_than_stated_at_any_look(magnitudes, scale, truth):
    """Of all signs of the noise, at most one in 20 ever excludes the truth."""
    misses = 0
    for noise in signed(magnitudes):
        gains = [truth + error for error in noise]
        bounds = [interval(gains[:looked], scale) for looked in range(6, len(gains) + 1)]
        misses += any(not low <= truth <= high for low, high in bounds)

    assert misses / 2 ** len(magnitudes) <= 1 / 20


def test_six_pairs_are_the_fewest():
    """Five heads in a row happen in 1 of 32 honest studies, six in 1 of 64."""
    assert FEWEST_PAIRS == 6
    assert evidence([1.0] * 5, 0.0, 0.01) == pytest.approx(32)
    assert evidence([1.0] * 6, 0.0, 0.01) == pytest.approx(64)
    assert interval([1.0] * 5, 0.01) == (-math.inf, math.inf)


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=15), SCALE)
def test_the_lower_bound_is_where_the_evidence_ends(gains, scale):
    """What lies at the bound is refuted, what lies a hundredth of the noise above is not."""
    low, high = interval(gains, scale)

    assert evidence(gains, low, scale) >= 40
    assert evidence(gains, low + scale / 100, scale) < 40
    assert evidence([-gain for gain in gains], -high, scale) >= 40


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=15), SCALE)
def test_better_and_worse_are_judged_alike(gains, scale):
    """The interval of the mirrored gains is the mirrored interval."""
    low, high = interval(gains, scale)

    assert interval([-gain for gain in gains], scale) == pytest.approx((-high, -low))


def test_wild_values_overflow_nothing():
    """Gains of a thousand standard deviations are as good as certain, no more."""
    assert evidence([1000.0] * 25, 0.0, 1e-9) == pytest.approx(2.0**25)
    assert evidence([-1000.0] * 25, 0.0, 1e-9) == pytest.approx(0.0)
