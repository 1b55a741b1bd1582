"""Options of the target: read once, every fault named."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kerntune.errors import PlanError
from kerntune.targets.netns.options import LIMITS, Options, parse


def test_no_options_give_the_default_link() -> None:
    """1 Gbit/s, 40 ms each way, MTU 9000, 12.5 MB of queue, no loss."""
    link = parse({}).link("forwarder")

    assert (link.rate_bps, link.delay_s, link.mtu) == (1e9, 0.04, 9000)
    assert (link.queue_bytes, link.loss, link.emulator) == (12_500_000, 0.0, "forwarder")


def test_every_fault_is_named_at_once() -> None:
    """Unknown options, wrong types and values out of range are reported together."""
    wrong = {"rate_mbit": -1, "mtu": 1500.5, "loss": "much", "emulator": "magic", "colour": 1, "seed": True}
    with pytest.raises(PlanError) as caught:
        parse(wrong)

    assert {fault.field for fault in caught.value.faults} == {f"target_options.{name}" for name in wrong}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value: float) -> None:
    """NaN and infinity are no rates."""
    with pytest.raises(PlanError):
        parse({"rate_mbit": value})


def test_a_link_that_would_fill_the_memory_is_refused() -> None:
    """10 Gbit/s over a round trip of ten seconds holds 6 GB in flight."""
    with pytest.raises(PlanError, match="512 MB"):
        parse({"rate_mbit": 10_000, "rtt_ms": 10_000})


@example({"rate_mbit": 10**400})
@given(
    st.dictionaries(
        st.sampled_from([*LIMITS, "emulator", "x"]),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    )
)
def test_whatever_is_given_is_parsed_or_refused(options: dict[str, object]) -> None:
    """No input makes anything else than options or a PlanError."""
    try:
        outcome: Options | PlanError = parse(options)
    except PlanError as error:
        outcome = error

    assert isinstance(outcome, Options) or outcome.faults


def test_a_direct_link_has_no_rate_delay_loss_or_queue():
    """What it cannot have is refused, all of it at once; the frame size is its only option."""
    with pytest.raises(PlanError) as caught:
        parse({"emulator": "none", "rtt_ms": 0.0, "rate_mbit": 100.0})

    assert {fault.field for fault in caught.value.faults} == {
        "target_options.rtt_ms",
        "target_options.rate_mbit",
    }
    link = parse({"emulator": "none", "mtu": 1500}).link("none")
    assert (link.rate_bps, link.delay_s, link.mtu) == (math.inf, 0.0, 1500)
