"""The synthetic surfaces are what they say: a known best, nothing above it, the noise that is claimed."""

import math

import numpy as np
import pytest

from kerntune.encoding import Encoding
from kerntune.testing.surfaces import NOISE, surface

SURFACES = [(knobs, seed) for knobs in (3, 8, 16) for seed in range(5)]


@pytest.mark.parametrize(("knobs", "seed"), SURFACES)
def test_the_best_config_has_the_whole_headroom_and_the_default_none(knobs, seed):
    """The scale on which optimizers are judged has its two ends where they belong."""
    known = surface(knobs, seed)

    assert known.captured(known.space.default) == 0.0
    assert known.captured(known.best()) == pytest.approx(1.0)


@pytest.mark.parametrize(("knobs", "seed"), SURFACES)
def test_no_config_is_above_the_best(knobs, seed):
    """Random configs, and the best with one knob turned, never capture more than everything."""
    known = surface(knobs, seed)
    encoding = Encoding(known.space)
    best = encoding.encode(known.best())
    points = np.random.default_rng(seed).random((60, knobs)).tolist()
    one_off = [
        encoding.decode([*best[:axis], point[axis], *best[axis + 1 :]])
        for point in points
        for axis in range(knobs)
    ]

    assert max(known.captured(config) for config in (*map(encoding.decode, points), *one_off)) <= 1.0 + 1e-12


def test_one_run_shows_the_gain_with_the_claimed_noise():
    """The mean of many runs is the true gain, their spread the stated one."""
    known, generator = surface(3, 0), np.random.default_rng(0)

    runs = [known.observed(known.best(), generator) for _ in range(2000)]

    assert np.mean(runs) == pytest.approx(known.headroom, abs=5 * NOISE / math.sqrt(2000))
    assert np.std(runs) == pytest.approx(NOISE, rel=0.1)


def test_a_seed_stands_for_one_surface():
    """The same seed is the same surface, another one is another."""
    assert surface(8, 1) == surface(8, 1)
    assert surface(8, 1) != surface(8, 2)


def test_hints_are_as_right_as_asked():
    """Hints that are all right capture most of the headroom; hints that are never right name no knob."""
    known, generator = surface(8, 1), np.random.default_rng(1)

    [right] = known.hints(1.0, 1, generator)

    assert known.captured(right) > 0.4
    assert known.hints(0.0, 2, generator) == [{}, {}]
