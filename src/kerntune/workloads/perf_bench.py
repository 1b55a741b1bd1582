"""The workload perf_bench: one of the small benchmarks of the kernel that perf brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from kerntune.errors import MetricError
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need

_GROUPS = 4
_COPY_MIB = 64
_MESSAGES_OF_A_LOOP = _GROUPS * 20 * 20  # each sender of a group to each receiver


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark: its arguments, the one that says how much, its usual amount, and the figure to read.

    `operations` are what one unit of the figure stands for; where `is_time` those of one unit of the amount.
    """

    argv: tuple[str, ...]
    amount: int
    find: str = "operations_per_second"
    unit: str = "1/s"
    operations: float = 1.0
    is_time: bool = False


BENCHES = {
    "sched-pipe": Bench(("sched", "pipe", "-l"), 200_000),
    "sched-messaging": Bench(
        ("sched", "messaging", "-g", str(_GROUPS), "-l"),
        1000,
        "total_time",
        "s",
        _MESSAGES_OF_A_LOOP,
        is_time=True,
    ),
    "syscall-basic": Bench(("syscall", "basic", "-l"), 10_000_000),
    "futex-hash": Bench(("futex", "hash", "-r"), 2),
    "epoll-wait": Bench(("epoll", "wait", "-r"), 2),
    "mem-memcpy": Bench(
        ("mem", "memcpy", "-f", "default", "-s", f"{_COPY_MIB}MB", "-l"),
        100,
        "throughput",
        "MiB/s",
        1 / _COPY_MIB,
    ),
}


class PerfBenchOptions(Options):
    """Which benchmark, and how many times its usual amount of work."""

    bench: Literal[
        "sched-pipe", "sched-messaging", "syscall-basic", "futex-hash", "epoll-wait", "mem-memcpy"
    ] = "sched-pipe"
    scale: float = Field(1.0, gt=0.0, le=1000.0)


class PerfBench:
    """One of perf's small benchmarks of the kernel (`perf bench`): operations a second.

    An operation is a round trip over a pipe (`sched-pipe`), a message (`sched-messaging`), a system call
    (`syscall-basic`), a futex call or an epoll event of one thread of as many as there are processors
    (`futex-hash`, `epoll-wait`), or a copy of 64 MiB (`mem-memcpy`).
    """

    name = "perf_bench"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(PerfBenchOptions, options or {}, self.name)
        self._bench = BENCHES[self._options.bench]
        self._amount = max(1, round(self._bench.amount * self._options.scale))

    @property
    def longest_s(self) -> float:
        """A minute, and as long again as slow machines take."""
        return 60.0 + 60.0 * self._options.scale

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the operations a second."""
        return (MetricSpec("operations", "1/s", Direction.MAXIMIZE),)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs the benchmark once and returns its rate.

        Raises:
            RunFailed: perf is not installed, failed, or did not end in time.
            MetricError: the figure is missing, ambiguous, zero or not finite.
        """
        # perf writes numbers as the language has them: 1.234,5
        argv = ["env", "LC_ALL=C", need("perf"), "bench", *self._bench.argv, str(self._amount)]
        completed = execute(place, place.hosts[0], argv, deadline_s=deadline_s)
        (spec,) = self.metrics(place.link)
        figure = MetricSpec(spec.name, self._bench.unit, Direction.MAXIMIZE)
        (found,) = read(READERS["perf-bench"], completed.stdout, [Wanted(figure, self._bench.find)])
        return (Metric(spec.name, self._rate(found.value, completed.tail), spec.unit, spec.direction),)

    def _rate(self, figure: float, printed: str) -> float:
        if figure <= 0:
            msg = f"perf bench printed {figure:g} {self._bench.unit}: too little work to be measured"
            raise MetricError(msg, tail=printed, hint="set the workload's option scale higher")
        if self._bench.is_time:
            return self._bench.operations * self._amount / figure
        return self._bench.operations * figure
