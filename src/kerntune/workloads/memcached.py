"""The workload memcached: a memcached of our own, full of keys, under a load program of ours."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Literal

from pydantic import Field

from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.available import check_memory
from kerntune.workloads.disk import passing_directory
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need
from kerntune.workloads.server import serving

_LOAD = Path(__file__).with_name("load") / "memcached.py"
_OVERHEAD = 100  # bytes of an item besides its value, with the unused end of its slot


class MemcachedOptions(Options):
    """What is asked, by how many, for how long, and the keys that are there before it begins."""

    ratio: Literal["read", "mixed"] = "read"
    clients: int = Field(16, ge=2, le=1000)
    keys: int = Field(200_000, ge=1, le=100_000_000)
    value_bytes: int = Field(256, ge=1, le=100_000)
    keys_at_once: int = Field(16, ge=1, le=100)
    duration_s: float = Field(3.0, gt=0.0, le=600.0)


class Memcached:
    """Gets of random keys at an own memcached: requests a second, and the slowest one in 100.

    The server is new for every run and listens on loopback. `ratio` is read, or mixed: one request in ten
    stores a key. It is filled, then two processes keep `clients` connections busy; a request asks for
    `keys_at_once` keys. They are written in Python and share the processors with the server: the figure is
    theirs as much as the server's.
    """

    name = "memcached"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(MemcachedOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and what a busy machine needs to fill the server."""
        return 2 * self._options.duration_s + 30.0 + self._options.keys / 5_000

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the requests a second, and the 99th percentile of their latencies."""
        return (
            MetricSpec("requests", "1/s", Direction.MAXIMIZE),
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Starts a server, fills it, asks for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: memcached is not installed, the server does not start or dies, or the load fails or
                does not end in time.
            MetricError: a figure is missing or not finite.
        """
        deadline = monotonic() + deadline_s
        server = need("memcached")
        check_memory(self._needed_mib, self.name, "keys or value_bytes")
        host = place.hosts[-1]
        with passing_directory(place, host, f"memcached-{secrets.token_hex(4)}") as home:
            port = _Port(home / "port")
            # the server chooses its port and writes it down, so what answers there is no other one
            argv = [
                "env",
                f"MEMCACHED_PORT_FILENAME={port.file}",
                server,
                *self._settings(place.address(host)),
            ]
            with serving(place, host, argv, port.is_known, deadline=deadline):
                settings = {**self._options.model_dump(), "address": place.address(host), "port": port.number}
                told = [f"{name}={value}" for name, value in settings.items()]
                load = [sys.executable, "-I", "-S", str(_LOAD), *told]
                completed = execute(
                    place, place.hosts[0], load, deadline_s=deadline - monotonic(), privileged=True
                )
        wanted = [Wanted(spec, spec.name) for spec in self.metrics(place.link)]
        return read(READERS["lines"], completed.stdout, wanted)

    @property
    def _needed_mib(self) -> float:
        return 64 + self._options.keys * (self._options.value_bytes + _OVERHEAD) * 1.3 / 2**20

    def _settings(self, address: str) -> list[str]:
        return [
            *("-l", address, "-p", "-1", "-U", "0", "-t", str(max(1, os.cpu_count() or 1))),
            *("-m", f"{self._needed_mib:.0f}", "-c", str(self._options.clients + 64), "-b", "65535"),
        ]


class _Port:
    """The file in which memcached writes its port, as `TCP INET: 41491`."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def number(self) -> int:
        """Returns the port, 0 while it is not written."""
        line = self.file.read_text() if self.file.exists() else ""
        name, _, port = line.partition("\n")[0].partition(": ")
        return int(port) if line.endswith("\n") and name.startswith("TCP") else 0

    def is_known(self) -> bool:
        """Tells whether the server listens: it writes its port after that."""
        return self.number > 0
