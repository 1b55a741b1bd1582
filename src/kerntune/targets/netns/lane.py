"""One direction of an emulated link as a pure queue: lengths and times in, departure times or drops out."""

import random
import struct

VNET_HEADER = struct.Struct("=BBHHHH")
"""struct virtio_net_hdr of include/uapi/linux/virtio_net.h: flags, kind of segmentation, header length,
segment size, and where the checksum begins (the transport header) and is to be stored."""

_TCP = (1, 4)
"""VIRTIO_NET_HDR_GSO_TCPV4 and _TCPV6; the other kinds of segmentation are UDP's."""

_ECN = 0x80
"""VIRTIO_NET_HDR_GSO_ECN, a flag beside the kind."""


class Lane:
    """Serialises frames at a rate, delays them, drops the tail of a full queue, loses some at random.

    `queue_bytes` bounds what waits to be serialised, the frame on the wire included; a frame that finds
    nothing waiting is always taken. Times are seconds of one clock that never goes back.
    """

    __slots__ = ("_free_at", "_loss", "_random", "delay_s", "dropped", "lost", "queue_s", "seconds_per_byte")

    def __init__(
        self, rate_bps: float, delay_s: float, queue_bytes: int, *, loss: float, rng: random.Random
    ) -> None:
        self.seconds_per_byte = 8 / rate_bps
        self.delay_s = delay_s
        self.queue_s = (queue_bytes + 0.5) * self.seconds_per_byte  # half a byte against rounding
        self.dropped = 0
        self.lost = 0
        self._loss = loss
        self._random = rng
        self._free_at = 0.0

    def departure(self, now: float, length: int) -> float | None:
        """Returns when a frame of `length` bytes that arrives now comes out, None when it is dropped."""
        takes = length * self.seconds_per_byte
        waits = self._free_at - now
        if waits <= 0:
            self._free_at = now + takes
        elif waits + takes > self.queue_s:
            self.dropped += 1
            return None
        else:
            self._free_at += takes
        if self._loss and self._random.random() < self._loss:
            self.lost += 1
            return None
        return self._free_at + self.delay_s


def wire_length(frame: bytes) -> int:
    """Returns the bytes a frame takes on the wire, each of its segments with headers of its own.

    The frame begins with the kernel's virtio_net_hdr; the kernel hands over up to 64 KB as one frame and
    leaves it to the network card to cut it into segments.
    """
    header: tuple[int, ...] = VNET_HEADER.unpack_from(frame)
    _, gso_type, _, segment, checksum_start, _ = header
    length = len(frame) - VNET_HEADER.size
    if not gso_type or not segment:
        return length
    if gso_type & ~_ECN in _TCP:
        headers = checksum_start + (frame[VNET_HEADER.size + checksum_start + 12] >> 4) * 4
    else:
        headers = checksum_start + 8
    segments = -(-(length - headers) // segment)
    return length + max(segments - 1, 0) * headers
