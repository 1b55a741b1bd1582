import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.planners import numbers


def options(text: str) -> dict[str, float]:
    return {number.option: number.value for number in numbers.read(text)}


@pytest.mark.parametrize(
    ("text", "rate_mbit"),
    [
        ("over 10 Gbit/s", 10_000),
        ("10Gbps", 10_000),
        ("a 10 gigabit link", 10_000),
        ("10GbE", 10_000),
        ("a 10G link", 10_000),
        ("500 Mbit/s", 500),
        ("2.5 Gbit per second", 2500),
        ("1,000 Mbit/s", 1000),
        ("100 MB/s", 800),
        ("64 kbit/s", 0.064),
        ("125 megabits per second", 125),
    ],
)
def test_rates_are_read_in_mbit(text: str, rate_mbit: float) -> None:
    """Bits and bytes, scales, and the ways people write them."""
    assert options(text) == {"rate_mbit": rate_mbit}


@pytest.mark.parametrize(
    ("text", "rtt_ms"),
    [
        ("200 ms round trip", 200),
        ("80ms RTT", 80),
        ("a server 100 ms away", 100),
        ("with 150 ms", 150),
        ("over a path with 120 milliseconds of delay", 120),
        ("round trip time of 90 ms", 90),
        ("0.6 s round trip", 600),
        ("50 ms one way", 100),
        ("40 ms each way", 80),
        ("ping is 35 ms", 35),
    ],
)
def test_round_trips_are_read_in_ms(text: str, rtt_ms: float) -> None:
    """Seconds and milliseconds; a delay one way counts twice."""
    assert options(text) == {"rtt_ms": rtt_ms}


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("1% loss", 0.01),
        ("0.5 % packet loss", 0.005),
        ("loss of 2%", 0.02),
        ("a packet loss rate of 0.1 %", 0.001),
        ("1 percent of the packets are lost", 0.01),
    ],
)
def test_losses_are_read_as_fractions(text: str, loss: float) -> None:
    """Percent before or after the word."""
    assert options(text) == {"loss": pytest.approx(loss)}


@pytest.mark.parametrize(
    "text",
    [
        "a 40 GB file",
        "p99 under 20 ms",
        "latency below 5 ms",
        "a burst every 100 ms",
        "within 50 ms",
        "28000 connections",
        "99% of the requests",
        "after 60 s",
        "10 Gdansk",
        "only 90 Mbit/s",
        "ab -n 5000 -c 100",
        "-5 ms",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    """Sizes, wishes, counts, and what the user sees today do not describe the link."""
    assert options(text) == {}


def test_the_link_is_the_largest_rate() -> None:
    """Of two rates the link's is the larger: the other is what the user gets."""
    assert options("90 Mbit/s on a link of 500 Mbit/s")["rate_mbit"] == 500


def test_all_three_at_once() -> None:
    """Rate, round trip and loss in one sentence."""
    found = options("copy over 1 Gbit/s with 200 ms round trip and 1% loss")

    assert found == {"rate_mbit": 1000, "rtt_ms": 200, "loss": pytest.approx(0.01)}


def test_what_describes_the_path_does_not_vote() -> None:
    """A "1% packet loss" describes the path and is taken out of the text; a rate stays."""
    text = "throughput over 1 Gbit/s with 200 ms round trip and 1% packet loss"

    left = numbers.without(text, numbers.read(text))

    assert left.split() == ["throughput", "over", "1", "Gbit/s", "with", "and"]


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,%-/ msGMkbitBlorundpae", max_size=80))
def test_numbers_of_any_text_are_finite_and_inside_it(text: str) -> None:
    """Whatever digits are typed, values are finite and places lie in the text."""
    for number in numbers.read(text):
        assert 0 <= number.value < 1e15
        assert 0 <= number.start < number.end <= len(text)
