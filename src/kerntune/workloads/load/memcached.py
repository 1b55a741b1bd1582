"""Many gets at a memcached: fills it, then keeps every connection busy with one request at a time.

A request asks for several random keys at once. Answers are checked by their length, which is known, and a
key that is missing ends the run. Latency is a request's, from sending it to the last byte of its answer.
"""

import math
import os
import random
import select
import socket
import struct
import sys
import time
from array import array
from collections.abc import Iterator

WORKERS = 2
PREPARED = 20_000  # requests, made before the clock starts and sent in turn, each connection from its own on
FILL_AT_ONCE = 1000
HEAD = struct.Struct("=Qdd")
END = b"END\r\n"
STORED = b"STORED\r\n"


def main(*settings: str) -> None:
    """Fills the server and measures it, with the settings as `name=value`; prints the figures."""
    options = dict(setting.split("=", 1) for setting in settings)
    load = Load(options)
    load.fill()
    count, seconds, latencies = measured(load)
    if not latencies:
        sys.exit("not one answer in time")
    print(f"requests: {count / seconds!r}")  # noqa: T201
    print(f"p99_latency: {latencies[math.ceil(0.99 * len(latencies)) - 1] * 1e3!r}")  # noqa: T201


def measured(load: "Load") -> tuple[int, float, list[float]]:
    """Returns how many requests were answered in how many seconds, and the latencies in order."""
    prepared = list(load.requests(1))  # before the processes are there: they begin together
    ends = [start(load, prepared, number) for number in range(WORKERS)]
    reports = [report(end) for end in ends]
    count = sum(done for done, _, _, _ in reports)
    seconds = max(ended for _, _, ended, _ in reports) - min(began for _, began, _, _ in reports)
    return count, seconds, sorted(latency for *_, found in reports for latency in found)


class Load:
    """What is asked, and of whom."""

    def __init__(self, options: dict[str, str]) -> None:
        self.peer = (options["address"], int(options["port"]))
        self.keys = int(options["keys"])
        self.keys_at_once = int(options["keys_at_once"])
        self.value = b"x" * int(options["value_bytes"])
        self.writes = 0.1 if options["ratio"] == "mixed" else 0.0
        self.clients = int(options["clients"])
        self.duration_s = float(options["duration_s"])

    def connections(self, number: int) -> int:
        """Returns how many of the clients a worker plays."""
        return (self.clients + number) // WORKERS

    def fill(self) -> None:
        """Stores every key, and waits until the server has taken in all of them."""
        with socket.create_connection(self.peer) as server:
            for first in range(0, self.keys, FILL_AT_ONCE):
                keys = range(first, min(first + FILL_AT_ONCE, self.keys))
                server.sendall(b"".join(self.store(key, b" noreply") for key in keys))
            server.sendall(b"version\r\n")
            if not server.recv(100).startswith(b"VERSION "):
                sys.exit("the server could not be filled")

    def store(self, key: int, noreply: bytes = b"") -> bytes:
        """Returns the request that stores a key."""
        return b"set key:%012d 0 0 %d%s\r\n%s\r\n" % (key, len(self.value), noreply, self.value)

    def requests(self, seed: int) -> Iterator[tuple[bytes, int]]:
        """Yields requests, each with the length of its answer."""
        chance = random.Random(seed)  # noqa: S311 - keys, not secrets
        entry = len(b"VALUE key:000000000000 0 %d\r\n" % len(self.value)) + len(self.value) + 2
        for _ in range(PREPARED):
            if chance.random() < self.writes:
                yield self.store(chance.randrange(self.keys)), len(STORED)
            else:
                keys = chance.choices(range(self.keys), k=self.keys_at_once)
                asked = b" ".join(b"key:%012d" % key for key in keys)
                yield b"get " + asked + b"\r\n", self.keys_at_once * entry + len(END)

    def work(self, prepared: list[tuple[bytes, int]], number: int) -> bytes:
        """Asks until the time is up; returns how often, from when to when, and the latencies."""
        places = range(number, self.connections(number) * WORKERS, WORKERS)
        lines = [Line(self.peer, prepared, place) for place in places]
        by_descriptor = {line.socket.fileno(): line for line in lines}
        latencies = array("d")
        with select.epoll() as ready:
            for descriptor in by_descriptor:
                ready.register(descriptor, select.EPOLLIN)
            began = time.monotonic()
            for line in lines:
                line.ask()
            while time.monotonic() < began + self.duration_s:
                for descriptor, _ in ready.poll(1.0):
                    line = by_descriptor[descriptor]
                    if line.take():
                        latencies.append(time.monotonic() - line.asked_at)
                        line.ask()
        ended = time.monotonic()
        for line in lines:
            line.socket.close()
        return HEAD.pack(len(latencies), began, ended) + latencies.tobytes()


class Line:
    """A connection with one request under way."""

    def __init__(self, peer: tuple[str, int], prepared: list[tuple[bytes, int]], place: int) -> None:
        self.socket = socket.create_connection(peer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.prepared = prepared
        self.next = place * 997  # prime to their number: no two connections begin with the same
        self.asked_at = 0.0
        self.awaited = 0

    def ask(self) -> None:
        """Sends the next request."""
        request, self.awaited = self.prepared[self.next % len(self.prepared)]
        self.next += 1
        self.asked_at = time.monotonic()
        self.socket.sendall(request)

    def take(self) -> bool:
        """Takes in what came; returns whether the answer is whole."""
        data = self.socket.recv(1 << 18)
        self.awaited -= len(data)
        if self.awaited > 0 and data and not data.endswith(END):
            return False
        if self.awaited or not data.endswith((END, STORED)):
            msg = "a key is missing, or the answer is none of memcached's"
            raise ConnectionError(msg)
        return True


def start(load: Load, prepared: list[tuple[bytes, int]], number: int) -> int:
    """Starts a worker; returns the file descriptor on which it will report."""
    end, report = os.pipe()
    if os.fork():
        os.close(report)
        return end
    status = 1
    try:
        with os.fdopen(report, "wb") as file:
            file.write(load.work(prepared, number))
        status = 0
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def report(end: int) -> tuple[int, float, float, "array[float]"]:
    """Returns what a worker reports."""
    with os.fdopen(end, "rb") as file:
        data = file.read()
    if len(data) < HEAD.size:
        sys.exit("a worker failed")
    latencies = array("d")
    latencies.frombytes(data[HEAD.size :])
    return (*HEAD.unpack_from(data), latencies)


if __name__ == "__main__":
    main(*sys.argv[1:])
