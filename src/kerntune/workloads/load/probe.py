"""Asks a web service for one address, at a steady pace or as quickly as it answers; prints the latencies.

At a pace, a latency begins when the request was due, so a service that stalls is not asked less for it.
An answer that is not 2xx ends the run.
"""

import math
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

TIMEOUT_S = 30.0
OK = range(200, 300)


def main(*settings: str) -> None:
    """Probes with the settings as `name=value`; prints the figures."""
    options = dict(setting.split("=", 1) for setting in settings)
    clients = int(options["clients"])
    rate, duration_s = float(options["rate"]), float(options["duration_s"])
    began = time.monotonic()
    probes = [Probe(options["url"]) for _ in range(clients)]
    total = math.ceil(round(rate * duration_s, 6))
    threads = []
    for first, probe in enumerate(probes):
        dues = paced(began, range(first, total, clients), rate) if rate else at_once(began + duration_s)
        threads.append(threading.Thread(target=probe.work, args=(dues,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = [probe.failure for probe in probes if probe.failure]
    if failures:
        sys.exit(failures[0])
    seconds = max(duration_s, time.monotonic() - began)  # the last one's turn lasts to the end
    show(sorted(latency for probe in probes for latency in probe.latencies), seconds)


def paced(began: float, numbers: Iterable[int], rate: float) -> Iterator[float]:
    """Yields when requests of these numbers are due; sums of steps would drift by what floats round."""
    return (began + number / rate for number in numbers)


def at_once(until: float) -> Iterator[float]:
    """Yields the present until the time is up."""
    while (now := time.monotonic()) < until:
        yield now


def show(latencies: list[float], seconds: float) -> None:
    """Prints the rate, and exact quantiles by the nearest rank."""
    if not latencies:
        sys.exit("not one answer in time")
    print(f"requests: {len(latencies) / seconds!r}")  # noqa: T201
    for share in (50, 99):
        rank = math.ceil(share / 100 * len(latencies)) - 1
        print(f"p{share}_latency: {latencies[rank] * 1e3!r}")  # noqa: T201


class Probe:
    """One client with a connection that is kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.latencies: list[float] = []
        self.failure = ""

    def work(self, dues: Iterable[float]) -> None:
        """Asks when each request is due; a latency begins then, whenever it could be sent."""
        try:
            for due in dues:
                time.sleep(max(0.0, due - time.monotonic()))
                self.ask()
                self.latencies.append(time.monotonic() - due)
        except (OSError, HTTPException) as error:
            self.failure = f"no answer: {error or type(error).__name__}"
        finally:
            self.connection.close()

    def ask(self) -> None:
        """Asks once, and reads the whole answer; again where the service had closed an idle connection."""
        kept = self.connection.sock is not None
        try:
            answer = self.exchange()
        except (ConnectionResetError, BrokenPipeError):
            if not kept:
                raise
            self.connection.close()
            answer = self.exchange()
        if answer.status not in OK:
            msg = f"the answer was {answer.status} {answer.reason}"
            raise ConnectionError(msg)

    def exchange(self) -> HTTPResponse:
        """Sends the request, and returns its answer, read to the end."""
        self.connection.request("GET", self.path, headers={"User-Agent": "kerntune"})
        answer = self.connection.getresponse()
        answer.read()
        return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
