"""The workload files: writes that must be on the disk, and cold reads of a file, in order or at random."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from kerntune.errors import RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.disk import check_room, directory
from kerntune.workloads.options import Options, check

_LOAD = Path(__file__).with_name("load") / "files.py"


class FileOptions(Options):
    """The pattern, the file's size, seconds, and for fsync how much is written between two."""

    pattern: Literal["fsync", "sequential", "random"] = "fsync"
    size_mib: int = Field(1024, ge=1, le=1 << 20)
    duration_s: float = Field(4.0, gt=0.0, le=600.0)
    write_kib: int = Field(16, ge=1, le=1 << 14)
    writes_per_fsync: int = Field(4, ge=1, le=1 << 16)

    @model_validator(mode="after")
    def _fit_into_the_log(self) -> Self:
        at_once = self.write_kib * self.writes_per_fsync / 1024
        if self.pattern == "fsync" and at_once > self.size_mib:
            msg = f"size_mib {self.size_mib} is less than the {at_once:.0f} MiB written between two fsyncs"
            raise ValueError(msg)
        return self


class Files:
    """A file on the disk: buffered writes with fsync, or cold reads: MB/s and the 99th percentile.

    `fsync`: buffered writes of `write_kib` appended to a log, an fsync after every `writes_per_fsync`; a
    latency lasts from the first write to the fsync's end. `sequential`: reads of 64 KiB from start to end.
    `random`: pages of the mapped file at random places. The file to read is made once, on the disk; before
    each run its pages, and no others, are dropped from memory. A sequential read ends at the file's end,
    random ones after a 64th of the pages, or with the time.
    """

    name = "files"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(FileOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and a minute for a disk that is busy."""
        return 2 * self._options.duration_s + 60.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the megabytes a second, and the slowest hundredth's time of an operation."""
        return (
            MetricSpec("throughput", "MB/s", Direction.MAXIMIZE),
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE),
        )

    def prepare(self, place: Place) -> None:
        """Makes the directory, and the file that is read.

        Raises:
            RunFailed: there is no room for it, or it cannot be written.
        """
        path = self._path(place)
        directory(place, place.hosts[0], self.name)
        if path.exists():
            return
        check_room(path.parent, self._options.size_mib, self.name)
        if self._options.pattern != "fsync":
            argv = self._argv("make", path, "size_mib")
            execute(place, place.hosts[0], argv, deadline_s=60.0 + self._options.size_mib, privileged=True)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Plays the pattern for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: the file was not made or stays in memory, the disk is full, or the load did not
                end well in time.
            MetricError: a figure is missing or not finite.
        """
        path = self._path(place)
        if not path.parent.exists() or (self._options.pattern != "fsync" and not path.exists()):
            msg = f"the file to read was not made: {path}"
            raise RunFailed(msg, kind="exit", hint="prepare the workload first")
        argv = self._argv(self._options.pattern, path, *FileOptions.model_fields)
        completed = execute(place, place.hosts[0], argv, deadline_s=deadline_s, privileged=True)
        wanted = [Wanted(spec, spec.name) for spec in self.metrics(place.link)]
        return read(READERS["lines"], completed.stdout, wanted)

    def _path(self, place: Place) -> Path:
        file = "log" if self._options.pattern == "fsync" else f"data-{self._options.size_mib}"
        return place.scratch(place.hosts[0]) / self.name / file

    def _argv(self, pattern: str, path: Path, *names: str) -> list[str]:
        told = self._options.model_dump()
        settings = [f"{name}={told[name]}" for name in names]
        return [sys.executable, "-I", "-S", str(_LOAD), pattern, f"path={path}", *settings]
