"""The synthetic surfaces are what they say: a known best, nothing above it, the noise that is claimed."""

import math

import numpy as np
import pytest

from kerntune.encoding import Encoding
from kerntune.testing.surfaces import FAMILIES, NOISE, surface

SURFACES = [(knobs, seed, "mixed") for knobs in (3, 8, 16) for seed in range(5)] + [
    (knobs, 5, family) for knobs in (3, 16) for family in FAMILIES
]


@pytest.mark.parametrize(("knobs", "seed", "family"), SURFACES)
def test_the_best_config_has_the_whole_headroom_and_the_default_none(knobs, seed, family):
    """The scale on which optimizers are judged has its two ends where they belong."""
    known = surface(knobs, seed, family)

    assert known.captured(known.space.default) == 0.0
    assert known.captured(known.best()) == pytest.approx(float(known.headroom > 0))
    assert not known.fails(known.space.default)
    assert not known.fails(known.best())


@pytest.mark.parametrize(("knobs", "seed", "family"), SURFACES)
def test_no_config_is_above_the_best(knobs, seed, family):
    """Random configs, and the best with one knob turned, never capture more than everything."""
    known = surface(knobs, seed, family)
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


def test_some_configs_of_the_failing_family_fail_and_none_of_the_others():
    """A search there meets failures, but not only failures."""
    generator = np.random.default_rng(1)
    for family in FAMILIES:
        known = surface(8, 3, family)
        encoding = Encoding(known.space)

        failed = [known.fails(encoding.decode(point)) for point in generator.random((200, 8)).tolist()]

        assert (0.2 < np.mean(failed) < 0.95) == (family == "failures")


def test_without_effect_no_config_gains_anything():
    """What an optimizer claims there is noise."""
    known = surface(8, 0, "no effect")

    assert known.headroom == 0.0
    assert known.captured(known.best()) == 0.0
