"""The reward of a config: performance and stability against its neighbours, never a raw number."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune import judge
from kerntune.errors import MetricError
from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction, Objective, Reward
from kerntune.model.verdict import Noise
from kerntune.reward import EVEN, performance, relative_telemetry, score, stability

FAST = Objective("speed", Direction.MAXIMIZE)
QUICK = Objective("latency", Direction.MINIMIZE)
SPREAD = EVEN
PRESSURE = Reward(0.5, 0.5, "pressure")


def sample(value: float, objective: Objective = FAST, **telemetry: float) -> Sample:
    named = {name.replace("__", "."): count for name, count in telemetry.items()}
    return Sample((Metric(objective.metric, value, "", objective.direction),), 2.0, telemetry=named)


def pairs(references: list[float], candidates: list[float], objective: Objective = FAST) -> list[Pair]:
    both = zip(references, candidates, strict=True)
    return [Pair(sample(one, objective), sample(other, objective)) for one, other in both]


def test_performance_alone_is_the_verdicts_log_gain():
    """What searches were told before there was a reward, to the last bit."""
    measured = pairs([100, 103, 98.5], [117, 119.3, 108])
    verdict = judge.racing(FAST, Noise(0.01, 0.01, 0.01, 3))(measured).verdict

    assert score(measured, FAST, Reward()) == math.log1p(verdict.gain)


def test_the_units_of_a_metric_do_not_matter():
    """Transactions a second or an hour, to be minimized or maximized: the same reward."""
    speed = pairs([100, 100, 104], [110, 108, 116])
    hourly = pairs([360_000, 360_000, 374_400], [396_000, 388_800, 417_600])
    latency = pairs([1 / 100, 1 / 100, 1 / 104], [1 / 110, 1 / 108, 1 / 116], QUICK)

    assert score(hourly, FAST, SPREAD) == pytest.approx(score(speed, FAST, SPREAD))
    assert performance(latency, QUICK) == pytest.approx(performance(speed, FAST))


def test_a_steadier_config_earns_more_than_an_erratic_one_of_the_same_speed():
    """The seeds' example: 2000, 50, 1900, 100 against 1450, 1460, 1440, 1455."""
    erratic = pairs([1450, 1460, 1440, 1455], [2000, 50, 1900, 100])
    steady = pairs([2000, 50, 1900, 100], [1450, 1460, 1440, 1455])

    assert stability(erratic, FAST, SPREAD) < -0.2
    assert stability(steady, FAST, SPREAD) == pytest.approx(-stability(erratic, FAST, SPREAD))


def test_one_pair_says_nothing_about_a_spread_and_two_say_little():
    """Evidence grows with the repeats; the same spreads count for more when they were seen longer."""
    assert stability(pairs([100], [150]), FAST, SPREAD) == 0.0
    two = stability(pairs([100, 100], [90, 110]), FAST, SPREAD)
    eight = stability(pairs([100, 100] * 4, [90, 110] * 4), FAST, SPREAD)

    assert eight < two < 0


def test_waiting_less_for_io_and_memory_is_steadier():
    """The other definition: one pair is evidence, as the waiting was seen for the whole run."""
    calm = sample(100, cpu__iowait_share=0.05, psi__memory__some_us=0.0)
    waiting = sample(100, cpu__iowait_share=0.3, psi__memory__some_us=1e6)

    better = stability([Pair(waiting, calm)], FAST, PRESSURE)

    assert better == pytest.approx(math.log(1.8 / 1.05) / 3)
    assert stability([Pair(calm, waiting)], FAST, PRESSURE) == pytest.approx(-better)
    assert stability([Pair(calm, waiting)] * 4, FAST, PRESSURE) == pytest.approx(-2 * better)


def test_a_machine_that_does_not_count_waiting_gives_no_stability():
    """No pressure accounting: neither reward nor penalty."""
    assert stability(pairs([100, 100], [110, 111]), FAST, PRESSURE) == 0.0


def test_weights_weigh():
    """Twice the weight, twice the part."""
    measured = pairs([100, 110, 90], [120, 121, 119])
    fast, steady = performance(measured, FAST), stability(measured, FAST, SPREAD)

    assert score(measured, FAST, EVEN) == pytest.approx(0.5 * fast + 0.5 * steady)
    assert score(measured, FAST, Reward(1, 2)) == pytest.approx(fast + 2 * steady)


def test_a_value_without_a_logarithm_is_refused():
    """A failed run is never a number."""
    with pytest.raises(MetricError, match="speed is 0"):
        score(pairs([100, 100], [0, 100]), FAST, EVEN)


def test_telemetry_is_a_share_of_the_neighbours():
    """Twice the context switches are 2; what never happened at the reference has no share."""
    reference = sample(100, sys__context_switches=50.0, vm__pswpin=0.0, only__here=1.0)
    candidate = sample(100, sys__context_switches=100.0, vm__pswpin=7.0)

    assert relative_telemetry([Pair(reference, candidate)]) == {"sys.context_switches": 2.0}
    assert relative_telemetry([]) == {}


@given(
    st.lists(st.tuples(st.floats(1e-150, 1e150), st.floats(1e-150, 1e150)), min_size=1, max_size=12),
    st.sampled_from([EVEN, PRESSURE, replace(EVEN, performance=0.0)]),
)
@settings(deadline=None)
def test_a_reward_is_always_a_finite_number(both: list[tuple[float, float]], reward: Reward):
    """However far apart the values lie."""
    measured = pairs([one for one, _ in both], [other for _, other in both])

    assert math.isfinite(score(measured, FAST, reward))
