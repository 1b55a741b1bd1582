"""One direction of the link as a pure queue."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from kerntune.targets.netns.lane import Lane, wire_length

GIGABIT = 1e9


def lane(
    rate_bps: float = GIGABIT, delay_s: float = 0.04, queue_bytes: int = 10**6, loss: float = 0.0
) -> Lane:
    return Lane(rate_bps, delay_s, queue_bytes, loss=loss, rng=random.Random(1))


def vnet(gso_type: int, segment: int, checksum_start: int) -> bytes:
    return struct.pack("=BBHHHH", 1, gso_type, 0, segment, checksum_start, 16)


def test_a_frame_on_an_idle_lane_takes_its_length_and_the_delay() -> None:
    """1,250 bytes at 1 Gbit/s take 10 µs."""
    departure = lane().departure(5.0, 1250)

    assert departure is not None
    assert abs(departure - (5.0 + 10e-6 + 0.04)) < 1e-12


def test_a_frame_waits_for_the_one_before_it() -> None:
    """Two frames at once leave one serialisation time apart."""
    busy = lane(delay_s=0.0)
    first, second = busy.departure(0.0, 1250), busy.departure(0.0, 1250)

    assert first is not None
    assert second is not None
    assert abs(second - first - 10e-6) < 1e-12


def test_the_tail_of_a_full_queue_is_dropped() -> None:
    """Of eleven frames at once, ten fit into a queue of ten frames."""
    full = lane(queue_bytes=10_000)
    taken = [full.departure(0.0, 1000) for _ in range(11)]

    assert taken[10] is None
    assert None not in taken[:10]
    assert full.dropped == 1


def test_a_frame_longer_than_the_queue_passes_an_idle_lane() -> None:
    """What finds nothing waiting is always taken."""
    assert lane(queue_bytes=100).departure(0.0, 9000) is not None


def test_loss_is_about_what_was_asked_for_and_repeats_with_the_seed() -> None:
    """One frame in ten is lost, the same ones each time."""
    first, again = lane(loss=0.1), lane(loss=0.1)
    fates = [first.departure(float(second), 100) is None for second in range(5000)]

    assert fates == [again.departure(float(second), 100) is None for second in range(5000)]
    assert first.lost == sum(fates)
    assert 400 < first.lost < 600


ARRIVALS = st.lists(st.tuples(st.floats(0, 0.01), st.integers(14, 65_549)), max_size=60)


@given(ARRIVALS, st.floats(1e5, 1e10), st.floats(0, 1), st.integers(10**5, 10**7))
def test_frames_leave_in_order_and_never_faster_than_the_rate(
    arrivals: list[tuple[float, int]], rate_bps: float, delay_s: float, queue_bytes: int
) -> None:
    """For whatever arrives: in order, not before its time, at most the rate, at most the queue."""
    tried = lane(rate_bps, delay_s, queue_bytes)
    now, last, waiting_until = 0.0, 0.0, 0.0
    for gap, length in arrivals:
        now += gap
        takes = length * 8 / rate_bps
        departure = tried.departure(now, length)
        backlog = max(0.0, waiting_until - now)
        if departure is None:
            assert (backlog + takes) * rate_bps / 8 > queue_bytes * (1 - 1e-9)
            continue
        waiting_until = max(now, waiting_until) + takes
        assert departure >= last
        assert abs(departure - (waiting_until + delay_s)) < 1e-6
        assert backlog == 0 or (backlog + takes) * rate_bps / 8 <= queue_bytes * (1 + 1e-9)
        last = departure


def test_an_ordinary_frame_is_as_long_as_it_is() -> None:
    """The kernel's header before the frame does not go over the wire."""
    assert wire_length(vnet(0, 0, 0) + bytes(60)) == 60


def test_segments_have_headers_of_their_own() -> None:
    """Three segments of TCP: two more times Ethernet, IP and TCP with options."""
    headers = bytearray(14 + 20 + 32)
    headers[14 + 20 + 12] = 8 << 4
    frame = vnet(1, 1000, 34) + bytes(headers) + bytes(2500)

    assert wire_length(frame) == 3 * 66 + 2500


def test_udp_segments_have_headers_of_eight_bytes() -> None:
    """Two datagrams handed over as one."""
    frame = vnet(5, 1000, 34) + bytes(14 + 20 + 8) + bytes(2000)

    assert wire_length(frame) == 2 * 42 + 2000


def test_congestion_marks_do_not_change_the_kind() -> None:
    """VIRTIO_NET_HDR_GSO_ECN is a flag beside the kind of segmentation."""
    headers = bytearray(14 + 20 + 20)
    headers[14 + 20 + 12] = 5 << 4

    assert wire_length(vnet(0x81, 100, 34) + bytes(headers) + bytes(200)) == 2 * 54 + 200
