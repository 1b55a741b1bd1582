"""The rules: when each stops, and what it may say."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerntune.judge import audit, confirmation, dropping, racing
from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction, Objective
from kerntune.model.verdict import Noise, Outcome, Verdict

SPEED = Objective("speed", Direction.MAXIMIZE, smallest_gain=0.02)
QUIET = Noise(run_to_run=0.01, drift=0.0, detectable=0.02, pairs=6)
NOISY = Noise(run_to_run=0.05, drift=0.0, detectable=0.06, pairs=6)
LEADER = Verdict(Outcome.UNDECIDED, gain=0.50, low=0.48, high=0.52, pairs=3, confidence=0.68)
WINNER = Verdict(Outcome.BETTER, gain=0.05, low=0.02, high=0.08, pairs=12)
RULES = {
    "audit": audit(SPEED),
    "racing": racing(SPEED, QUIET, LEADER),
    "confirmation": confirmation(SPEED, QUIET),
    "dropping": dropping(SPEED, QUIET, WINNER),
}


def pairs_with(gains) -> list[Pair]:
    return [pair_with(100.0, 100.0 * math.exp(gain)) for gain in gains]


def pair_with(reference: float, candidate: float) -> Pair:
    runs = (
        Sample((Metric("speed", value, "1/s", Direction.MAXIMIZE),), 1.0) for value in (reference, candidate)
    )
    return Pair(*runs)


def ended(rule, gains) -> tuple[int, Verdict]:
    """Returns after how many pairs a rule is finished, and its verdict then."""
    pairs = pairs_with(gains)
    for looked in range(1, len(pairs) + 1):
        ruling = rule(pairs[:looked])
        if ruling.finished:
            return looked, ruling.verdict
    pytest.fail(f"not finished after {len(pairs)} pairs")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_pairs_are_no_verdict_and_no_end(rule):
    """The desk asks before the first pair."""
    ruling = rule(())

    assert ruling.verdict.outcome is Outcome.INVALID
    assert not ruling.finished


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("value", [0.0, -3.0, math.nan, math.inf])
def test_unusable_numbers_end_every_rule_as_invalid(rule, value):
    """More pairs would not help, and no gain is claimed."""
    ruling = rule([pair_with(100.0, 240.0), pair_with(100.0, value)])

    assert ruling.verdict.outcome is Outcome.INVALID
    assert "pair 2, candidate" in ruling.verdict.reason
    assert ruling.finished


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=26))
def test_every_gain_lies_within_its_interval(gains):
    """Whatever the data, low ≤ gain ≤ high, all of them finite, and only the confirmation says better."""
    for name, rule in RULES.items():
        verdict = rule(pairs_with(gains)).verdict

        assert -1 <= verdict.low <= verdict.gain <= verdict.high < math.inf
        assert verdict.pairs == len(gains)
        assert name == "confirmation" or verdict.outcome is not Outcome.BETTER


def test_gains_of_astronomic_size_do_not_overflow():
    """A metric may go from the smallest to the largest number there is."""
    ruling = RULES["confirmation"]([pair_with(1e-300, 1e300)] * 6)

    assert ruling.verdict.outcome is Outcome.BETTER
    assert math.isfinite(ruling.verdict.high)


def test_an_audit_is_short_where_neighbours_agree():
    """Three quiet pairs are enough, otherwise six are made."""
    assert ended(audit(SPEED), [0.01, -0.005, 0.002, 0.0])[0] == 3
    assert ended(audit(SPEED), [0.01, -0.05, 0.002, 0.0, 0.0, 0.0, 0.0])[0] == 6


def test_a_candidate_that_is_clearly_behind_gets_one_pair():
    """So most candidates of a search cost two runs."""
    pairs, verdict = ended(racing(SPEED, QUIET, LEADER), [0.1] * 3)

    assert pairs == 1
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.reason == "behind the best so far"


def test_a_candidate_that_may_be_ahead_is_measured_again():
    """A first lucky pair is not believed; when the second one is sober, the race is over."""
    assert ended(racing(SPEED, NOISY, LEADER), [0.45] * 3)[0] == 3
    assert ended(racing(SPEED, NOISY, LEADER), [0.40, 0.30, 0.0])[0] == 2


def test_a_candidate_that_is_clearly_ahead_gets_two_pairs():
    """A lead far beyond the noise needs no third look; one pair is never enough."""
    assert ended(racing(SPEED, QUIET, LEADER), [0.6] * 3)[0] == 2
    assert ended(racing(SPEED, QUIET, LEADER), [5.0] * 3)[0] == 2


def test_without_a_leader_the_default_is_to_be_beaten():
    """Also when the best so far is worse than the default."""
    loser = Verdict(Outcome.UNDECIDED, gain=-0.30, low=-0.32, high=-0.28, pairs=3)

    assert ended(racing(SPEED, QUIET), [-0.1] * 3)[0] == 1
    assert ended(racing(SPEED, QUIET, loser), [-0.1] * 3)[0] == 1
    assert ended(racing(SPEED, QUIET), [0.1] * 3)[0] == 2


def test_a_huge_gain_is_confirmed_in_six_pairs():
    """+240 % at 1 % noise: no more than honesty asks for."""
    rng = random.Random(2)
    pairs, verdict = ended(confirmation(SPEED, QUIET), [rng.gauss(math.log(3.4), 0.014) for _ in range(25)])

    assert pairs == 6
    assert verdict.outcome is Outcome.BETTER
    assert verdict.low > 2.2
    assert verdict.confidence == 0.95


def test_before_six_pairs_the_interval_states_a_lower_confidence():
    """Three pairs of the same sign happen in one of four studies without an effect."""
    verdict = confirmation(SPEED, QUIET)(pairs_with([0.5, 0.4, 0.6])).verdict

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.confidence == 0.75
    assert (math.log1p(verdict.low), math.log1p(verdict.high)) == pytest.approx((0.4, 0.6))


def test_a_loss_is_called_worse():
    """The confirmation looks both ways."""
    assert ended(confirmation(SPEED, QUIET), [-0.3] * 25)[1].outcome is Outcome.WORSE


def test_a_real_gain_too_small_to_be_worth_having_is_not_called_better():
    """+1 % without any noise is real, but 2 % were asked for."""
    _, verdict = ended(confirmation(SPEED, QUIET), [0.0099] * 25)

    assert verdict.low > 0
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.reason == "a gain of 2.0% or more is out of sight"


def test_confirmation_gives_up_when_nothing_worth_having_is_in_sight():
    """No effect at 5 % noise: ten pairs, not 25."""
    gains = [0.05, -0.06, 0.02, -0.03, -0.07, 0.04, -0.02, 0.01, -0.05, 0.03] * 3

    assert ended(confirmation(SPEED, NOISY), gains)[0] == 10


def test_confirmation_gives_up_after_the_most_pairs():
    """An effect on the edge is undecided in the end, and says so."""
    pairs, verdict = ended(confirmation(SPEED, NOISY), [0.2, -0.14] * 20)

    assert pairs == 25
    assert (verdict.outcome, verdict.reason) == (Outcome.UNDECIDED, "the interval includes zero")


def test_dropping_what_does_nothing_takes_two_quiet_pairs():
    """Not measurably slower is enough."""
    pairs, verdict = ended(dropping(SPEED, QUIET, WINNER), [0.001, -0.002, 0.0])

    assert (pairs, verdict.outcome) == (2, Outcome.UNDECIDED)


def test_dropping_what_matters_is_worse():
    """A loss of all that was gained is noticed, and at once."""
    pairs, verdict = ended(dropping(SPEED, QUIET, WINNER), [-0.05] * 8)

    assert (pairs, verdict.outcome) == (2, Outcome.WORSE)


def test_the_margin_never_swallows_the_confirmed_gain():
    """In noise one would forgive 2 %; of a gain of 2 % no more than half may be lost."""
    small = Verdict(Outcome.BETTER, gain=0.02, low=0.001, high=0.04, pairs=25)
    lost = [-0.019, -0.018, -0.020, -0.019] * 3

    assert ended(dropping(SPEED, NOISY, small), lost)[1].outcome is Outcome.WORSE
    assert ended(dropping(SPEED, NOISY, LEADER), lost)[1].outcome is Outcome.UNDECIDED
