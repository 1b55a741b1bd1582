"""What an audit says: the noise it finds is the noise that is there, and so is what it calls detectable."""

import math
import random

import pytest

from kerntune.errors import KerntuneBug
from kerntune.judge import confirmation, noise_of, pair_scale, standard_effect
from kerntune.model.plan import Direction, Objective
from kerntune.model.verdict import Outcome

SPEED = Objective("speed", Direction.MAXIMIZE, smallest_gain=0.02)


def test_noise_of_one_run_is_found_from_pairs(pairs_of):
    """Pairs of 5 % runs differ by 7 %; what is reported is the 5 %."""
    rng = random.Random(3)
    noise = noise_of(pairs_of([rng.gauss(0, 0.05 * math.sqrt(2)) for _ in range(400)]), SPEED)

    assert noise.run_to_run == pytest.approx(0.05, rel=0.1)
    assert pair_scale(noise) == pytest.approx(0.0707, rel=0.1)
    assert noise.pairs == 400


def test_drift_is_the_spread_of_levels(pair_of):
    """Both runs of a pair rise together: no noise, all drift."""
    noise = noise_of([pair_of(100.0, 100.0), pair_of(115.0, 115.0), pair_of(130.0, 130.0)], SPEED)

    assert noise.drift == pytest.approx(0.30)
    assert noise.run_to_run == 0


@pytest.mark.parametrize("most", [10, 25])
def test_detectable_is_what_four_of_five_confirmations_show(pairs_of, most):
    """The promise made after the audit is kept by the rule that follows, simulated under normal noise."""
    rng = random.Random(5)
    scale = 0.05
    effect, studies = scale * standard_effect(most), 300
    better = 0
    for _ in range(studies):
        noise = noise_of(pairs_of([rng.gauss(0, scale) for _ in range(6)]), SPEED)
        rule = confirmation(SPEED, noise, most=most)
        pairs = pairs_of([rng.gauss(effect, scale) for _ in range(most)])
        rulings = (rule(pairs[:looked]) for looked in range(1, most + 1))
        better += next(ruling for ruling in rulings if ruling.finished).verdict.outcome is Outcome.BETTER

    assert 0.70 <= better / studies <= 0.90


def test_nothing_below_the_smallest_gain_is_called_detectable(pairs_of):
    """Without noise the smallest gain worth having is the limit; with fewer than six pairs nothing is."""
    silent = pairs_of([0.0, 0.0, 0.0])

    assert noise_of(silent, SPEED).detectable == pytest.approx(0.02)
    assert noise_of(pairs_of([0.01, -0.01]), SPEED, most=5).detectable == math.inf


def test_noise_without_a_pair_is_our_mistake():
    """An audit that failed has no noise; nobody may ask for it."""
    with pytest.raises(KerntuneBug, match="single pair"):
        noise_of([], SPEED)
