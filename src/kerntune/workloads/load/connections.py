"""Many short connections: the client connects, says a word, is answered, and closes first.

So its port waits in TIME_WAIT, as at a proxy or a client of a database without a pool. Where no port is
left it waits a moment and tries again. The server prints its port; the client prints its counts.
"""

import contextlib
import errno
import os
import socket
import struct
import sys
import time
from collections import deque

BACKLOG = 65535  # the kernel cuts it down to somaxconn
WORKERS = 2
PAUSE_S = 0.002  # before a connection that got no port is tried again
COUNTS = struct.Struct("=QQd")


def main(role: str, *settings: str) -> None:
    """Plays one role of the conversation, with its settings as `name=value`."""
    options = dict(setting.split("=", 1) for setting in settings)
    nonce = bytes.fromhex(options["nonce"])
    words = nonce[: len(nonce) // 2], nonce[len(nonce) // 2 :]
    at_once = int(options["at_once"])
    if role == "server":
        serve(options["address"], words, at_once)
    else:
        worker = Worker((options["address"], int(options["port"])), words, at_once // WORKERS)
        load(worker, float(options["duration_s"]))


def serve(address: str, words: tuple[bytes, bytes], at_once: int) -> None:
    """Answers one connection after the other until it is ended.

    A connection is let go when so many came after it that the client must have closed it: waiting for each
    one's close would make every connection wait for two changes of process.
    """
    question, answer = words
    listener = socket.create_server((address, 0), backlog=BACKLOG)
    print(f"port: {listener.getsockname()[1]}", flush=True)  # noqa: T201
    answered: deque[socket.socket] = deque()
    while True:
        peer, _ = listener.accept()
        if peer.recv(len(question), socket.MSG_WAITALL) == question:
            peer.send(answer)
        answered.append(peer)
        if len(answered) > 2 * at_once:
            let_go(answered.popleft())


def let_go(peer: socket.socket) -> None:
    """Closes a connection after the client did."""
    with contextlib.suppress(ConnectionError):
        peer.recv(1)
    peer.close()


class Worker:
    """Opens connections in batches: so many at once, then reads every answer, then the next batch."""

    def __init__(self, peer: tuple[str, int], words: tuple[bytes, bytes], at_once: int) -> None:
        self.peer = peer
        self.question, self.answer = words
        self.at_once = at_once
        self.made = self.refused = 0

    def work(self, until: float) -> tuple[int, int, float]:
        """Works until the time is up; returns connections made, those that got no port, and when it ended."""
        while time.monotonic() < until:
            batch = self.open()
            for stream in batch:
                if stream.recv(len(self.answer), socket.MSG_WAITALL) != self.answer:
                    msg = "another server answered, or ours ended"
                    raise ConnectionError(msg)
                stream.close()
            self.made += len(batch)
            if len(batch) < self.at_once:
                self.refused += 1
                time.sleep(PAUSE_S)
        return self.made, self.refused, time.monotonic()

    def open(self) -> list[socket.socket]:
        """Returns a batch of connections, each with the question sent; fewer where the ports ran out."""
        batch = []
        for _ in range(self.at_once):
            stream = socket.socket()
            try:
                stream.connect(self.peer)
            except OSError as error:
                stream.close()
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                break
            stream.send(self.question)
            batch.append(stream)
        return batch


def load(worker: Worker, duration_s: float) -> None:
    """Runs all workers, each a process, and prints what they counted together."""
    began = time.monotonic()
    ends = [start(worker, began + duration_s) for _ in range(WORKERS)]
    reports = []
    for end in ends:
        with os.fdopen(end, "rb") as report:
            data = report.read()
        if len(data) != COUNTS.size:
            sys.exit("a worker failed")
        reports.append(COUNTS.unpack(data))
    made, refused, ended = zip(*reports, strict=True)
    print(f"connections: {sum(made) / (max(ended) - began)!r}")  # noqa: T201
    print(f"refused: {sum(refused)}")  # noqa: T201


def start(worker: Worker, until: float) -> int:
    """Starts a worker; returns the file descriptor on which it will report."""
    end, report = os.pipe()
    if os.fork():
        os.close(report)
        return end
    status = 1
    try:
        os.write(report, COUNTS.pack(*worker.work(until)))
        status = 0
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
