"""The workload sysbench: its tests of processor, memory, threads and files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from kerntune.errors import MetricError, RunFailed
from kerntune.execution import Completed, execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.disk import check_room, directory
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need

_EVENTS = MetricSpec("events", "1/s", Direction.MAXIMIZE)
_LATENCY = MetricSpec("p95_latency", "ms", Direction.MINIMIZE)
_COUNTED = (
    Wanted(MetricSpec("events", "count", Direction.MAXIMIZE), "total_events"),
    Wanted(MetricSpec("time", "s", Direction.MINIMIZE), "total_time"),
    Wanted(_LATENCY, "p95"),
)


class SysbenchOptions(Options):
    """The test, threads (0: one a processor), seconds, and for fileio the files' size and what is done."""

    test: Literal["cpu", "memory", "threads", "fileio"] = "cpu"
    threads: int = Field(0, ge=0, le=4096)
    duration_s: float = Field(4.0, ge=1.0, le=600.0)
    size_mib: int = Field(1024, ge=16, le=1 << 20)
    mode: Literal["rndrd", "rndwr", "rndrw", "seqrd", "seqwr", "seqrewr"] = "rndrw"


class Sysbench:
    """One of sysbench's tests: its events a second, and the 95th percentile of their times.

    An event is a search for primes below 10,000 (`cpu`), a write of 1 KiB of memory (`memory`), a round of
    locks (`threads`), or a read, write or fsync (`fileio`). Seconds are rounded to whole ones. The events'
    time is the whole run's, with what fileio writes back at its end. `memory` has no percentile.
    """

    name = "sysbench"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(SysbenchOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and a minute for a machine or a disk that is busy."""
        return 2 * self._options.duration_s + 60.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the events a second, and the slowest twentieth's time of one.

        That of `memory` is left out: sysbench rounds it to 0.00 ms.
        """
        return (_EVENTS,) if self._options.test == "memory" else (_EVENTS, _LATENCY)

    def prepare(self, place: Place) -> None:
        """Makes the files of fileio; the other tests need none.

        Raises:
            RunFailed: sysbench is not installed, there is no room, or they cannot be written.
        """
        need("sysbench")
        if self._options.test != "fileio":
            return
        path = directory(place, place.hosts[0], self.name)
        if sum(file.stat().st_size for file in path.iterdir()) < self._options.size_mib << 20:
            check_room(path, self._options.size_mib, self.name)
            self._execute(place, "prepare", 60.0 + self._options.size_mib)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs the test once and returns its metrics.

        Raises:
            RunFailed: sysbench is not installed, its files were not made, it failed or did not end in time.
            MetricError: a figure is missing, zero or not finite.
        """
        if self._options.test == "fileio" and not self._path(place).is_dir():
            msg = f"the files of sysbench were not made: {self._path(place)}"
            raise RunFailed(msg, kind="exit", hint="prepare the workload first")
        completed = self._execute(place, "run", deadline_s)
        events, time, latency = read(READERS["sysbench"], completed.stdout, _COUNTED)
        if not events.value * time.value > 0:
            msg = f"sysbench counted {events.value:g} events in {time.value:g} s"
            raise MetricError(msg, tail=completed.tail, hint="set the workload's option duration_s higher")
        rate = Metric(_EVENTS.name, events.value / time.value, _EVENTS.unit, _EVENTS.direction)
        return (rate, latency)[: len(self.metrics(place.link))]

    def _execute(self, place: Place, command: str, deadline_s: float) -> Completed:
        options = self._options
        argv = [need("sysbench"), options.test, f"--threads={options.threads or os.cpu_count() or 1}"]
        argv += [f"--time={round(options.duration_s)}", "--percentile=95"]
        if options.test == "memory":
            argv += ["--memory-total-size=1024T"]  # the time is the end, not the amount
        if options.test == "fileio":
            argv += [f"--file-total-size={options.size_mib}M", "--file-num=16"]
            argv += [f"--file-test-mode={options.mode}"]
            argv = ["env", "-C", str(self._path(place)), *argv]
        return execute(place, place.hosts[0], [*argv, command], deadline_s=deadline_s)

    def _path(self, place: Place) -> Path:
        return place.scratch(place.hosts[0]) / self.name
