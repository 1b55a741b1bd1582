"""The workload memory: random accesses to a table far larger than the processor's caches of pages."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.available import MEMINFO, check_memory
from kerntune.workloads.options import Options, check

_LOAD = Path(__file__).with_name("load") / "memory.py"


class MemoryOptions(Options):
    """The table's size, what is done with it, and for how many seconds."""

    table_mib: int = Field(2048, ge=2, le=1 << 24)
    access: Literal["read", "write", "mixed"] = "read"
    duration_s: float = Field(3.0, gt=0.0, le=600.0)


class Memory:
    """Random reads and writes over a big in-memory table: accesses a second, and the mean time of one.

    One thread accesses 8 bytes at uniformly random places; `mixed` reads and writes in turns of 65,536. The
    accesses do not wait for each other, as the lookups of many clients do not, so the processor overlaps
    them. Each run makes its table anew, because huge pages act only on memory made after the change; the
    time that takes, and the drawing of places, is not in the score. 2 GiB are half a million small pages,
    several hundred times what a processor's TLB holds.
    """

    name = "memory"

    def __init__(self, options: Mapping[str, object] | None = None, *, meminfo: Path = MEMINFO) -> None:
        self._options = check(MemoryOptions, options or {}, self.name)
        self._meminfo = meminfo

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and a minute for each GiB that a busy machine has to find."""
        return 2 * self._options.duration_s + 30.0 + 60.0 * self._options.table_mib / 1024

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the accesses a second and the mean time of one, which is its reciprocal."""
        return (
            MetricSpec("accesses", "1/s", Direction.MAXIMIZE),
            MetricSpec("latency", "ns", Direction.MINIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Accesses a new table for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: the table would not fit into free memory, or the load did not end well in time.
            MetricError: a figure is missing or not finite.
        """
        check_memory(self._options.table_mib, "a table", "table_mib", self._meminfo)
        settings = [f"{name}={value}" for name, value in self._options.model_dump().items()]
        argv = [sys.executable, "-I", str(_LOAD), *settings]
        completed = execute(place, place.hosts[0], argv, deadline_s=deadline_s, privileged=True)
        return read(
            READERS["lines"],
            completed.stdout,
            [Wanted(spec, spec.name) for spec in self.metrics(place.link)],
        )
