"""Asks a web service for one address, at a steady pace or as quickly as it answers; prints the latencies.

At a pace, a latency begins when the request was due, so a service that stalls is not asked less for it.
An answer that is not 2xx ends the run.
"""

import math
import sys
import threading
import time
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
    probes = [Probe(options["url"], began + duration_s) for _ in range(clients)]
    threads = [
        threading.Thread(
            target=probe.work, args=(began + number / rate if rate else 0.0, clients / rate if rate else 0.0)
        )
        for number, probe in enumerate(probes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = [probe.failure for probe in probes if probe.failure]
    if failures:
        sys.exit(failures[0])
    show(sorted(latency for probe in probes for latency in probe.latencies), time.monotonic() - began)


def show(latencies: list[float], seconds: float) -> None:
    """Prints the rate, and exact quantiles by the nearest rank."""
    if not latencies:
        sys.exit("not one answer in time")
    print(f"requests: {len(latencies) / seconds!r}")  # noqa: T201
    for share in (50, 99):
        rank = math.ceil(share / 100 * len(latencies)) - 1
        print(f"p{share}_latency: {latencies[rank] * 1e3!r}")  # noqa: T201


class Probe:
    """One client with a connection that is kept, until the time is up."""

    def __init__(self, url: str, until: float) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.until = until
        self.latencies: list[float] = []
        self.failure = ""

    def work(self, due: float, every_s: float) -> None:
        """Asks when a request is due, or at once where no pace is set."""
        try:
            while True:
                begins = due or time.monotonic()
                if begins >= self.until:
                    return
                time.sleep(max(0.0, begins - time.monotonic()))
                self.ask()
                self.latencies.append(time.monotonic() - begins)
                due += every_s
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
