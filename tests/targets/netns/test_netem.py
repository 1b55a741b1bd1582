"""Requests for the kernel's own emulator, byte by byte; a kernel that has none says so."""

import struct

import pytest

from kerntune.errors import TargetError
from kerntune.targets.netns.netem import request
from kerntune.targets.netns.options import parse
from kerntune.targets.netns.target import NetnsTarget, emulated


def test_a_link_becomes_a_request() -> None:
    """40 ms each way, 125 MB/s, and as many packets as 5 MB in flight and a queue of 12.5 MB are."""
    asked = request(parse({"loss": 0.01}).link("netem"))

    assert (asked.delay_us, asked.rate_bytes) == (40_000, 125_000_000)
    assert asked.limit_packets == -(-17_500_000 // 9000)
    assert asked.loss_percent == 1.0


def test_a_request_is_encoded_as_the_kernel_reads_it() -> None:
    """The kernel's struct tc_netem_qopt, then TCA_NETEM_RATE (6), as tc(8) sends them."""
    message = request(parse({}).link("netem")).encoded(7)

    start = message.index(b"netem\0")
    latency, limit, loss, gap, duplicate, jitter = struct.unpack_from("=6I", message, start + 8 + 4)
    length, kind, rate = struct.unpack_from("=HHI", message, start + 8 + 4 + 24)
    assert struct.unpack_from("=HH", message, 4) == (
        36,
        0x605,
    )  # RTM_NEWQDISC; create, exclusive, acknowledged
    assert struct.unpack_from("=i", message, 16 + 4) == (7,)
    assert (latency, limit) == (40_000 * 1000 // 64, 1945)
    assert (loss, gap, duplicate, jitter) == (0, 0, 0, 0)
    assert (length, kind, rate) == (20, 6, 125_000_000)


@pytest.mark.root
def test_auto_falls_back_where_the_kernel_refuses(target: NetnsTarget) -> None:
    """The kernel is asked; whatever it says, there is a link, and asking for netem by name is honest."""
    keeper = target._keeper
    auto = emulated(keeper, parse({}))

    if auto.emulator == "netem":
        assert emulated(keeper, parse({"emulator": "netem"})).emulator == "netem"
    else:
        with pytest.raises(TargetError, match="netem"):
            emulated(keeper, parse({"emulator": "netem"}))
