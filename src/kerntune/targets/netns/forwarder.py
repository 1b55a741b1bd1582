"""Carries frames between two devices as a link would: rate, delay, queue, loss. Needs neither root nor netem.

It sleeps until a frame arrives or is due; an idle link costs nothing.
"""

import gc
import random
import select
import socket
import time
from collections import deque
from mmap import mmap

from kerntune.interfaces import Link
from kerntune.targets import syscalls
from kerntune.targets.netns import tally
from kerntune.targets.netns.lane import Lane, wire_length
from kerntune.targets.netns.ports import Port, open_port

_BATCH = 128
"""Frames handled for one side before the other gets its turn."""

READY = b"!"
"""What the forwarder answers when it listens, and to every question: its counts are written."""


class Side:
    """One direction: frames from `source` travel the lane and leave through `sink`."""

    __slots__ = ("_bytes", "_frames", "_lane", "_latest_s", "_overruns", "_sink", "_travelling", "source")

    def __init__(self, source: Port, sink: Port, lane: Lane) -> None:
        self.source = source
        self._sink = sink
        self._lane = lane
        self._travelling: deque[tuple[float, bytes]] = deque()
        self._frames = 0
        self._bytes = 0
        self._overruns = 0
        self._latest_s = 0.0

    def take(self, now: float) -> None:
        """Lets the frames that have arrived onto the lane."""
        departure, travelling = self._lane.departure, self._travelling
        for frame in self.source.receive(_BATCH):
            due = departure(now, wire_length(frame))
            if due is not None:
                travelling.append((due, frame))

    def depart(self, now: float) -> float | None:
        """Sends the frames that are due; returns when the next one is, None when the lane is empty."""
        travelling, send = self._travelling, self._sink.send
        if travelling and travelling[0][0] <= now:
            self._latest_s = max(self._latest_s, now - travelling[0][0])
            for _ in range(min(_BATCH, len(travelling))):
                if travelling[0][0] > now:
                    break
                frame = travelling.popleft()[1]
                if send(frame):
                    self._frames += 1
                    self._bytes += len(frame)
                else:
                    self._overruns += 1
        return travelling[0][0] if travelling else None

    def count_drops(self) -> None:
        """Adds the frames that the kernel dropped because nobody fetched them in time."""
        self._overruns += self.source.drops()

    def counts(self) -> tuple[int, int, int, int, int, int]:
        """Returns the counts in the order of `tally.FIELDS`."""
        latest_us = int(self._latest_s * 1e6)
        lane = self._lane
        return self._frames, self._bytes, lane.lost, lane.dropped, self._overruns, latest_us


def serve(devices: tuple[str, str], link: Link, seed: int, control: socket.socket, shared: mmap) -> None:
    """Carries frames between two devices until the other end of `control` closes.

    A byte on `control` asks for the counts: they are brought up to date in `shared` and answered by one byte.

    Raises:
        OSError: a device is gone, or the kernel grants no packet socket.
        TargetError: the kernel refused finer timers.
    """
    syscalls.sharpen_timers()
    gc.disable()  # frames make no cycles; a collection in mid-stream is a pause of the link
    ports = open_port(devices[0]), open_port(devices[1])
    sides = tuple(
        Side(ports[way], ports[1 - way], lane(link, random.Random(f"{seed} {way}")))  # noqa: S311
        for way in (0, 1)
    )
    control.send(READY)
    forward(sides, control, shared)


def lane(link: Link, rng: random.Random) -> Lane:
    """Returns one direction of a link."""
    return Lane(link.rate_bps, link.delay_s, link.queue_bytes, loss=link.loss, rng=rng)


def forward(sides: tuple[Side, ...], control: socket.socket, shared: mmap) -> None:
    """Carries frames until the other end of `control` closes."""
    clock = time.monotonic
    sources = [side.source for side in sides]
    waits_on: list[socket.socket | Port] = [control, *sources]
    while True:
        now = clock()
        due = [at for side in sides if (at := side.depart(now)) is not None]
        timeout = max(0.0, min(due) - clock()) if due else None
        readable, _, _ = select.select(waits_on, (), (), timeout)
        if control in readable and not _answer(sides, control, shared):
            return
        now = clock()
        for way, side in enumerate(sides):
            if side.source in readable:
                side.take(now)
            tally.write(shared, way, side.counts())


def _answer(sides: tuple[Side, ...], control: socket.socket, shared: mmap) -> bool:
    if not control.recv(1):
        return False
    for way, side in enumerate(sides):
        side.count_drops()
        tally.write(shared, way, side.counts())
    control.send(READY)
    return True
