"""What an emulated link counts, in memory that the forwarder writes and the tuner reads without asking."""

import struct
from collections.abc import Mapping
from mmap import mmap

FIELDS = ("frames", "bytes", "lost", "queue_drops", "overruns", "latest_us")
"""Frames and bytes passed on; frames lost at random and dropped by the full queue, as asked for; frames that
the forwarder failed to carry; and the worst delay beyond the one asked for, in microseconds."""

DIRECTIONS = ("client", "server")
"""A direction is named after the host that sends."""

_ROW = struct.Struct(f"={len(FIELDS)}Q")

SIZE = _ROW.size * len(DIRECTIONS)


def write(shared: mmap, direction: int, row: tuple[int, int, int, int, int, int]) -> None:
    """Writes one direction's counts, in the order of FIELDS."""
    _ROW.pack_into(shared, direction * _ROW.size, *row)


def read(shared: mmap) -> Mapping[str, float]:
    """Returns every count, named `link.client.frames`."""
    return {
        f"link.{direction}.{field}": float(count)
        for row, direction in enumerate(DIRECTIONS)
        for field, count in zip(FIELDS, _ROW.unpack_from(shared, row * _ROW.size), strict=True)
    }


def overruns(counts: Mapping[str, float]) -> int:
    """Returns how many frames the forwarder failed to carry, both directions together."""
    return int(sum(counts[f"link.{direction}.overruns"] for direction in DIRECTIONS))
