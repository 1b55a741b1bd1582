"""Bursts of datagrams from many sockets to one receiver, which is now and then busy with something else.

Nothing is said before the first burst: it meets a neighbour whose link address is not known yet, as the
first burst after a start does. The server prints its port; the client prints what arrived.
"""

import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator

NUMBER = struct.Struct("!Q")


def main(role: str, *settings: str) -> None:
    """Plays one role of the conversation, with its settings as `name=value`."""
    options = dict(setting.split("=", 1) for setting in settings)
    nonce = bytes.fromhex(options["nonce"])
    words = nonce[: len(nonce) // 2], nonce[len(nonce) // 2 :]
    if role == "server":
        serve(options["address"], words, float(options["pause_s"]))
    else:
        load(options, words)


def serve(address: str, words: tuple[bytes, bytes], pause_s: float) -> None:
    """Counts datagrams until a connection to the same port asks for the count."""
    listener = socket.create_server((address, 0))
    inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inlet.bind(listener.getsockname())
    counter = Counter(inlet, words[0], pause_s)
    threading.Thread(target=counter.count, daemon=True).start()
    print(f"port: {listener.getsockname()[1]}", flush=True)  # noqa: T201
    while True:
        peer, _ = listener.accept()
        with peer:
            if peer.recv(len(words[0]), socket.MSG_WAITALL) == words[0]:
                counter.settle()
                peer.sendall(words[1] + NUMBER.pack(len(counter.seen)))


class Counter:
    """Counts the datagrams of one run by their numbers: each once, strangers not at all."""

    def __init__(self, inlet: socket.socket, word: bytes, pause_s: float) -> None:
        self.inlet = inlet
        self.word = word
        self.pause_s = pause_s
        self.seen: set[int] = set()

    def count(self) -> None:
        """Waits for a datagram, is busy for the pause, takes in all that came meanwhile, and so on."""
        while True:
            self.inlet.recv(1, socket.MSG_PEEK)
            time.sleep(self.pause_s)
            self.seen.update(self.waiting())

    def waiting(self) -> Iterator[int]:
        """Yields the numbers of the datagrams that wait in the socket."""
        start, whole = len(self.word), len(self.word) + NUMBER.size
        while True:
            try:
                head = self.inlet.recv(whole, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if head.startswith(self.word) and len(head) == whole:
                yield NUMBER.unpack_from(head, start)[0]

    def settle(self) -> None:
        """Waits until nothing waits any more: the connection took the same path behind the last datagram."""
        seen = -1
        while seen != len(self.seen):
            seen = len(self.seen)
            time.sleep(0.02 + 2 * self.pause_s)


def load(options: dict[str, str], words: tuple[bytes, bytes]) -> None:
    """Sends bursts for the duration and prints which share of the datagrams arrived."""
    peer = (options["address"], int(options["port"]))
    outlets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(options["flows"]))]
    for outlet in outlets:
        outlet.connect(peer)
    began = time.monotonic()
    sent = 0
    while time.monotonic() - began < float(options["duration_s"]):
        burst_at = time.monotonic()
        for number in range(sent, sent + int(options["burst"])):
            datagram = (words[0] + NUMBER.pack(number)).ljust(int(options["datagram_bytes"]), b"d")
            outlets[number % len(outlets)].send(datagram)
        sent += int(options["burst"])
        time.sleep(max(0.0, burst_at + float(options["every_s"]) - time.monotonic()))
    elapsed_s = time.monotonic() - began
    received = ask(peer, words)
    print(f"delivered_share: {received / sent!r}")  # noqa: T201
    print(f"loss: {1 - received / sent!r}")  # noqa: T201
    print(f"received: {received / elapsed_s!r}")  # noqa: T201


def ask(peer: tuple[str, int], words: tuple[bytes, bytes]) -> int:
    """Returns how many datagrams the server counted."""
    with socket.create_connection(peer) as stream:
        stream.sendall(words[0])
        answer = stream.recv(len(words[1]) + NUMBER.size, socket.MSG_WAITALL)
    if not answer.startswith(words[1]):
        sys.exit("another server answered, or ours ended")
    return int(NUMBER.unpack_from(answer, len(words[1]))[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
