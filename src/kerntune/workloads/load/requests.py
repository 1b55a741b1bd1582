"""Requests and responses: the client asks, reads the whole answer, is idle, asks again; on many connections.

The server prints its port; the client prints the latencies' quantiles and the rate. Every request carries
the first half of the nonce and every response the second, so no exchange goes to a stranger.
"""

import socket
import sys
import threading
import time

QUEUE = 256  # Fast Open requests the listener may hold


def main(role: str, *settings: str) -> None:
    """Plays one role of the conversation, with its settings as `name=value`."""
    options = dict(setting.split("=", 1) for setting in settings)
    if role == "server":
        serve(options)
    else:
        Client(options).load()


def halves(options: dict[str, str]) -> tuple[bytes, bytes]:
    """Returns a whole request and a whole response."""
    nonce = bytes.fromhex(options["nonce"])
    half = len(nonce) // 2
    request = nonce[:half].ljust(int(options["request_bytes"]), b"q")
    return request, nonce[half:].ljust(int(options["response_bytes"]), b"r")


def serve(options: dict[str, str]) -> None:
    """Answers requests on every connection until it is ended."""
    request, response = halves(options)
    listener = socket.socket()
    listener.bind((options["address"], 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, QUEUE)
    listener.listen(QUEUE)
    print(f"port: {listener.getsockname()[1]}", flush=True)  # noqa: T201
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=answer, args=(peer, request, response), daemon=True).start()


def answer(peer: socket.socket, request: bytes, response: bytes) -> None:
    """Answers the requests of one connection until the client closes it."""
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while peer.recv(len(request), socket.MSG_WAITALL) == request:
            peer.sendall(response)


class Client:
    """All connections of the client, each with a thread of its own."""

    def __init__(self, options: dict[str, str]) -> None:
        self.peer = (options["address"], int(options["port"]))
        self.request, self.response = halves(options)
        self.connections = int(options["connections"])
        self.reuse = options["reuse"] == "True"
        self.idle_s = float(options["idle_s"])
        self.duration_s = float(options["duration_s"])
        self.warm = threading.Barrier(self.connections)
        self.latencies_s: list[float] = []
        self.began = self.ended = 0.0
        self.failures: list[BaseException] = []

    def load(self) -> None:
        """Runs all connections to their end and prints the figures."""
        threads = [
            threading.Thread(target=self.attempt, args=(number,)) for number in range(self.connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        self.latencies_s.sort()
        print(f"p50_latency: {quantile(self.latencies_s, 50) * 1e3!r}")  # noqa: T201
        print(f"p99_latency: {quantile(self.latencies_s, 99) * 1e3!r}")  # noqa: T201
        print(f"requests: {len(self.latencies_s) / (self.ended - self.began)!r}")  # noqa: T201

    def attempt(self, number: int) -> None:
        """Runs one connection; a failure frees the others from waiting for it."""
        try:
            self.converse(number)
        except (OSError, threading.BrokenBarrierError) as error:
            self.failures.append(error)
            self.warm.abort()

    def converse(self, number: int) -> None:
        """Asks once to warm up, then, from when all are warm, again and again until the time is up."""
        kept = self.exchange(None)
        if self.warm.wait() == 0:
            self.began = time.monotonic()
        until = time.monotonic() + self.duration_s
        time.sleep(self.idle_s * (1 + number / self.connections))  # spread, as clients are
        while (asked := time.monotonic()) < until:
            kept = self.exchange(kept)
            self.ended = time.monotonic()
            self.latencies_s.append(self.ended - asked)
            time.sleep(self.idle_s)

    def exchange(self, kept: socket.socket | None) -> socket.socket | None:
        """Sends a request and reads the whole response; returns the connection if it is to be kept."""
        stream = kept or socket.socket()
        if kept:
            stream.sendall(self.request)
        else:
            self.open(stream)
        if receive(stream, len(self.response)) != self.response:
            msg = "another server answered, or ours ended"
            raise ConnectionError(msg)
        if self.reuse:
            return stream
        stream.close()
        return None

    def open(self, stream: socket.socket) -> None:
        """Connects and sends the request; with Fast Open at once, where the kernel allows it."""
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sent = stream.sendto(self.request, socket.MSG_FASTOPEN, self.peer)
        except OSError:  # the client's half of tcp_fastopen is off
            stream.connect(self.peer)
            sent = 0
        stream.sendall(self.request[sent:])


def receive(stream: socket.socket, count: int) -> bytes:
    """Returns the next `count` bytes, fewer if the connection ended."""
    return stream.recv(count, socket.MSG_WAITALL)


def quantile(ordered: list[float], percent: int) -> float:
    """Returns the smallest value that at least so many percent do not exceed (the nearest rank)."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else float("nan")


if __name__ == "__main__":
    main(*sys.argv[1:])
