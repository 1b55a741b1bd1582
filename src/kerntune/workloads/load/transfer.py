"""Bulk transfer: the client sends as fast as it can for a while, the server receives and counts.

The server prints its port; the client prints what the server counted and what its own sockets know.
"""

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

TOTAL_RETRANS = 100  # offset of tcpi_total_retrans in struct tcp_info, include/uapi/linux/tcp.h
CHUNK = 1 << 20  # bytes handed to the kernel at once


def main(role: str, *settings: str) -> None:
    """Plays one role of the conversation, with its settings as `name=value`."""
    options = dict(setting.split("=", 1) for setting in settings)
    nonce = bytes.fromhex(options["nonce"])
    streams = int(options["streams"])
    if role == "server":
        serve(options["address"], nonce, streams)
    else:
        peer = (options["address"], int(options["port"]))
        load(peer, nonce, streams, float(options["duration_s"]))


def serve(address: str, nonce: bytes, streams: int) -> None:
    """Receives all streams and answers each with the bytes it got and the seconds from first to last."""
    with socket.create_server((address, 0), backlog=streams) as listener:
        print(f"port: {listener.getsockname()[1]}", flush=True)  # noqa: T201
        sockets = [accept(listener, nonce) for _ in range(streams)]
    received = [0] * streams
    buffers = [bytearray(CHUNK) for _ in sockets]

    def receive(number: int) -> None:
        while count := sockets[number].recv_into(buffers[number]):
            received[number] += count

    began = time.monotonic()
    in_parallel(receive, streams)
    elapsed_s = time.monotonic() - began
    for count, stream in zip(received, sockets, strict=True):
        stream.sendall(struct.pack("!Qd", count, elapsed_s))
        stream.close()


def accept(listener: socket.socket, nonce: bytes) -> socket.socket:
    """Returns a connection whose other end knows the first half of the nonce; it is shown the second."""
    while True:
        peer, _ = listener.accept()
        if peer.recv(len(nonce) // 2, socket.MSG_WAITALL) == nonce[: len(nonce) // 2]:
            peer.sendall(nonce[len(nonce) // 2 :])
            return peer
        peer.close()


def load(peer: tuple[str, int], nonce: bytes, streams: int, duration_s: float) -> None:
    """Sends on all streams for the duration and prints the figures."""
    sockets = [connect(peer, nonce) for _ in range(streams)]
    reports: list[tuple[int, float]] = [(0, 0.0)] * streams
    chunk = bytes(CHUNK)
    until = time.monotonic() + duration_s

    def send(number: int) -> None:
        stream = sockets[number]
        while time.monotonic() < until:
            stream.send(chunk)
        stream.shutdown(socket.SHUT_WR)
        reports[number] = struct.unpack("!Qd", stream.recv(16, socket.MSG_WAITALL))

    in_parallel(send, streams)
    received = sum(count for count, _ in reports)
    throughput = received * 8e-6 / max(elapsed_s for _, elapsed_s in reports)
    print(f"throughput: {throughput!r}")  # noqa: T201
    print(f"retransmits: {sum(map(retransmits, sockets))}")  # noqa: T201


def connect(peer: tuple[str, int], nonce: bytes) -> socket.socket:
    """Returns a connection to the server that knows the second half of the nonce."""
    stream = socket.create_connection(peer)
    stream.sendall(nonce[: len(nonce) // 2])
    if stream.recv(len(nonce) // 2, socket.MSG_WAITALL) != nonce[len(nonce) // 2 :]:
        sys.exit("another server answered")
    return stream


def retransmits(stream: socket.socket) -> int:
    """Returns how many segments a connection has sent more than once."""
    info = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int.from_bytes(info[TOTAL_RETRANS : TOTAL_RETRANS + 4], sys.byteorder)


def in_parallel(work: Callable[[int], None], count: int) -> None:
    """Calls `work(0)` to `work(count - 1)`, each in a thread; the first failure is raised."""
    failures: list[BaseException] = []

    def attempt(number: int) -> None:
        try:
            work(number)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
