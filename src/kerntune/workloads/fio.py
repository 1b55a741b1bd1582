"""The workload fio: one job of fio's on a file of our own."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Literal, Self

from pydantic import Field, model_validator

from kerntune.errors import MetricError
from kerntune.execution import Completed, execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.disk import check_room, directory
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need

_US_TO_MS = 1e-3
_SIDES = {"read": ("read",), "randread": ("read",), "write": ("write",), "randwrite": ("write",)}


class FioOptions(Options):
    """The job, in fio's own words where it has them, and seconds. fsync 0: never."""

    rw: Literal["read", "write", "randread", "randwrite", "rw", "randrw"] = "randread"
    bs: str = Field("4k", pattern=r"^[1-9][0-9]{0,5}[kKmM]?$")
    size_mib: int = Field(1024, ge=1, le=1 << 20)
    duration_s: float = Field(4.0, ge=1.0, le=600.0)
    ioengine: Literal["psync", "mmap", "libaio", "io_uring"] = "psync"
    iodepth: int = Field(1, ge=1, le=4096)
    numjobs: int = Field(1, ge=1, le=256)
    direct: bool = False
    fsync: int = Field(0, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _can_be_so_deep(self) -> Self:
        if self.iodepth > 1 and self.ioengine in {"psync", "mmap"}:
            msg = f"{self.ioengine} has one operation under way at a time: iodepth needs libaio or io_uring"
            raise ValueError(msg)
        return self


class Fio:
    """A job of fio's: operations and megabytes a second, and the 99th percentile of their times.

    The file is laid out once. Before each run what is dirty of it is written, and fio drops its pages from
    memory. An operation's time is counted from its submission. Operations go through the
    page cache unless `direct`, as most programs' do: readahead and writeback act on no others. Where a job
    reads and writes, their rates are added, and the percentile is the worse one. Jobs side by side are taken
    together. Seconds are rounded to whole ones; buffered reads in order end with the file.
    """

    name = "fio"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(FioOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and a minute for a disk that is busy."""
        return 2 * self._options.duration_s + 60.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the operations and megabytes a second, and the slowest hundredth's time."""
        return (
            MetricSpec("iops", "1/s", Direction.MAXIMIZE),
            MetricSpec("bandwidth", "MB/s", Direction.MAXIMIZE),
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE),
        )

    def prepare(self, place: Place) -> None:
        """Lays the file out.

        Raises:
            RunFailed: fio is not installed, there is no room, or the file cannot be written.
        """
        need("fio")
        path = directory(place, place.hosts[0], self.name)
        if not self._path(place).exists():
            check_room(path, self._options.size_mib, self.name)
        self._execute(place, ["--create_only=1"], 60.0 + self._options.size_mib)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs the job once and returns its metrics.

        Raises:
            RunFailed: fio is not installed, failed, or did not end in time.
            MetricError: a figure is missing, zero or not finite.
        """
        deadline = monotonic() + deadline_s
        sides = _SIDES.get(self._options.rw, ("read", "write"))
        if "write" in sides:  # the job before may have left it dirty
            execute(place, place.hosts[0], ["sync", str(self._path(place))], deadline_s=deadline_s)
        timed = [f"--runtime={round(self._options.duration_s)}", "--lat_percentiles=1"]
        if self._options.direct or self._options.rw not in {"read", "rw"}:
            timed += ["--time_based"]  # what is read in order lies in memory when it begins again
        completed = self._execute(place, timed, deadline - monotonic())
        iops, bandwidth = (self._figures(completed, sides, name) for name in ("iops", "bandwidth"))
        slowest_ms = max(self._figures(completed, sides, "total_p99")) * _US_TO_MS
        if not min(*iops, *bandwidth, slowest_ms) > 0:
            msg = f"fio carried out nothing: {' and '.join(sides)}"
            raise MetricError(msg, tail=completed.tail, hint="set the workload's option duration_s higher")
        values = (sum(iops), sum(bandwidth), slowest_ms)
        return tuple(
            Metric(spec.name, value, spec.unit, spec.direction)
            for spec, value in zip(self.metrics(place.link), values, strict=True)
        )

    def _path(self, place: Place) -> Path:
        return place.scratch(place.hosts[0]) / self.name / f"data-{self._options.size_mib}"

    def _figures(self, completed: Completed, sides: tuple[str, ...], name: str) -> list[float]:
        spec = MetricSpec(name, "", Direction.MAXIMIZE)
        wanted = [Wanted(spec, f"{side}.{name}") for side in sides]
        return [metric.value for metric in read(READERS["fio"], completed.stdout, wanted)]

    def _execute(self, place: Place, more: list[str], deadline_s: float) -> Completed:
        options, host = self._options, place.hosts[0]
        argv = [need("fio"), "--name=job", f"--filename={self._path(place)}"]
        argv += ["--output-format=json", "--group_reporting"]
        argv += ["--thread", "--allow_file_create=1", f"--size={options.size_mib}M", f"--rw={options.rw}"]
        argv += [f"--bs={options.bs}", f"--ioengine={options.ioengine}", f"--iodepth={options.iodepth}"]
        argv += [f"--numjobs={options.numjobs}", f"--direct={options.direct:d}", f"--fsync={options.fsync}"]
        return execute(place, host, [*argv, *more], deadline_s=deadline_s)
