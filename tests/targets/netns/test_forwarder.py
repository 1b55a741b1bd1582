"""One direction of the forwarder, with ports made of lists."""

import random
import struct

from kerntune.targets.netns import tally
from kerntune.targets.netns.forwarder import Side
from kerntune.targets.netns.lane import Lane

PLAIN = struct.pack("=BBHHHH", 0, 0, 0, 0, 0, 0)


class ListPort:
    """Frames to be received, frames that were sent; refuses to send when it is broken."""

    def __init__(self, waiting: list[bytes] | None = None, *, is_broken: bool = False) -> None:
        self.waiting = waiting or []
        self.sent: list[bytes] = []
        self.is_broken = is_broken
        self.dropped = 0

    def fileno(self) -> int:
        return -1

    def receive(self, most: int) -> list[bytes]:
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    def send(self, frame: bytes) -> bool:
        if not self.is_broken:
            self.sent.append(frame)
        return not self.is_broken

    def drops(self) -> int:
        drops, self.dropped = self.dropped, 0
        return drops


def side(source: ListPort, sink: ListPort, queue_bytes: int = 10**6) -> Side:
    return Side(source, sink, Lane(8e6, 0.5, queue_bytes, loss=0.0, rng=random.Random(1)))


def frame(name: int, length: int = 990) -> bytes:
    return PLAIN + bytes([name]) * length


def test_frames_leave_in_order_when_they_are_due() -> None:
    """At 1 MB/s and half a second of delay, the second of two frames of 990 bytes leaves 0.99 ms later."""
    source, sink = ListPort([frame(1), frame(2)]), ListPort()
    one_way = side(source, sink)
    one_way.take(10.0)

    assert one_way.depart(10.5) is not None
    assert sink.sent == []
    next_due = one_way.depart(10.501)
    assert sink.sent == [frame(1)]
    assert next_due is not None
    assert abs(next_due - 10.50198) < 1e-9
    assert one_way.depart(11.0) is None
    assert sink.sent == [frame(1), frame(2)]


def test_what_the_sink_refuses_is_an_overrun() -> None:
    """A frame that could not be sent is counted, and not as carried."""
    one_way = side(ListPort([frame(1)]), ListPort(is_broken=True))
    one_way.take(0.0)
    one_way.depart(1.0)

    counts = dict(zip(tally.FIELDS, one_way.counts(), strict=True))
    assert (counts["frames"], counts["overruns"]) == (0, 1)


def test_what_the_kernel_dropped_is_an_overrun() -> None:
    """Frames that nobody fetched in time are counted once."""
    source = ListPort()
    one_way = side(source, ListPort())
    source.dropped = 3
    one_way.count_drops()
    one_way.count_drops()

    assert dict(zip(tally.FIELDS, one_way.counts(), strict=True))["overruns"] == 3


def test_the_counts_are_those_of_the_link() -> None:
    """Carried frames and bytes, drops of the queue, and by how much the latest frame was late."""
    one_way = side(ListPort([frame(1), frame(2), frame(3)]), ListPort(), queue_bytes=2000)
    one_way.take(0.0)
    one_way.depart(0.75)

    counts = dict(zip(tally.FIELDS, one_way.counts(), strict=True))
    assert (counts["frames"], counts["bytes"], counts["queue_drops"]) == (2, 2000, 1)
    assert counts["overruns"] == 0
    assert 248_000 < counts["latest_us"] < 250_000
