"""The workload pgbench: a PostgreSQL cluster of our own under the benchmark that comes with it."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Literal

from pydantic import Field

from kerntune.errors import MetricError, RunFailed
from kerntune.execution import Completed, execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.disk import check_room, empty_directory
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need
from kerntune.workloads.server import serving

_ANALYTICS = ["-n", "-f", str(Path(__file__).with_name("load") / "analytics.sql")]
_USER = "kerntune"
_DATABASE = "postgres"  # there from the beginning
_PROGRAMS = ("initdb", "postgres", "pg_ctl", "pg_isready", "psql", "pgbench")
_PORT = "5432"  # names the socket only: no TCP port is opened
_HOME = "pgbench"
_MIB_A_SCALE = 20  # accounts with their index; PostgreSQL documentation says 15, the free space makes it more
_CLUSTER_MIB = 64
_LOG_MIB = 1024  # max_wal_size
_PREPARE_S = 120.0
_ROWS = 100_000  # of a scale, 15 MiB in memory
_ROWS_MIB = 15


class PgbenchOptions(Options):
    """What the clients do, with how much data, and for how long. pgbench counts whole seconds."""

    mode: Literal["read-write", "read-only", "analytics"] = "read-write"
    scale: int = Field(10, ge=1, le=100_000)
    clients: int = Field(8, ge=1, le=1000)
    duration_s: float = Field(5.0, ge=1.0, le=600.0, multiple_of=1.0)
    buffers_mib: int = Field(0, ge=0, le=1 << 20)


class Pgbench:
    """PostgreSQL under pgbench: transactions a second, and their mean latency.

    `mode` is read-write (pgbench's own transaction, every commit on the disk), read-only (a row by its key),
    or analytics (grouped sums over the whole table). The cluster is ours, made once in the place's scratch
    directory and reached through a socket there; no other cluster is touched. The server is started for
    every run, reads its table into memory, writes a checkpoint, is measured and shut down in order, so no
    run pays for what the one before has left. `buffers_mib` are its shared buffers; 0 is a quarter of the
    memory, 1,024 at most.
    """

    name = "pgbench"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(PgbenchOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and a minute and more to start, warm and stop the server."""
        return 2 * self._options.duration_s + 60.0 + self._options.scale / 10

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the transactions a second, and their mean latency."""
        return (
            MetricSpec("tps", "1/s", Direction.MAXIMIZE),
            MetricSpec("latency", "ms", Direction.MINIMIZE),
        )

    def prepare(self, place: Place) -> None:
        """Makes the cluster and its tables.

        Raises:
            RunFailed: it cannot be made: PostgreSQL is not installed, the disk is nearly full, its directory
                is not empty, we are root.
        """
        for name in _PROGRAMS:
            program(name)
        host, scale = place.hosts[-1], self._options.scale
        need_mib = _CLUSTER_MIB + _LOG_MIB + 2 * _MIB_A_SCALE * scale  # what read-write adds, too
        check_room(place.scratch(host), need_mib, f"pgbench at scale {scale}")
        cluster = _Cluster(empty_directory(place, host, _HOME), place, host)
        cluster.make()
        deadline = monotonic() + _PREPARE_S + scale
        with cluster.serving(self._buffers_mib(), deadline):
            argv = cluster.argv("pgbench", "-i", "-q", "-s", str(scale), "-F", "90", _DATABASE)
            cluster.execute(argv, deadline)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Starts the server, runs pgbench once, and returns its metrics.

        Raises:
            RunFailed: the server does not start or dies, or pgbench fails or does not end in time.
            MetricError: a transaction failed, or a figure is missing.
        """
        deadline = monotonic() + deadline_s
        host = place.hosts[-1]
        cluster = _Cluster(place.scratch(host) / _HOME, place, host)
        if not cluster.exists():
            msg = f"there is no cluster in {cluster.data}"
            raise RunFailed(msg, kind="exit", hint="prepare() makes it, before the first run")
        with cluster.serving(self._buffers_mib(), deadline):
            cluster.warm(self._options.scale, self._buffers_mib(), deadline)
            printed = cluster.execute(self._load(cluster), deadline).stdout
        finds = ("tps", "latency_average", "failed")
        specs = (*self.metrics(place.link), MetricSpec("failed", "count", Direction.MINIMIZE))
        wanted = [Wanted(spec, find) for spec, find in zip(specs, finds, strict=True)]
        *found, failed = read(READERS["pgbench"], printed, wanted)
        if failed.value:
            msg = f"{failed.value:.0f} transactions failed"
            raise MetricError(msg, tail=printed[-2000:])
        return tuple(found)

    def _buffers_mib(self) -> int:
        quarter = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**22
        return self._options.buffers_mib or max(16, min(quarter, 1024))

    def _load(self, cluster: "_Cluster") -> list[str]:
        options = self._options
        what = {"read-write": [], "read-only": ["-S"], "analytics": _ANALYTICS}[options.mode]
        threads = min(options.clients, os.cpu_count() or 1)
        sizes = ["-c", str(options.clients), "-j", str(threads), "-T", f"{options.duration_s:.0f}"]
        return cluster.argv("pgbench", *what, *sizes, "-M", "prepared", _DATABASE)


class _Cluster:
    """A PostgreSQL cluster in a directory of ours, and how its programs are called."""

    def __init__(self, home: Path, place: Place, host: str) -> None:
        self.data = home / "data"
        self._socket = home  # 0700, and ours: nobody else listens there
        self._place = place
        self._host = host

    def exists(self) -> bool:
        """Tells whether it was made to the end."""
        return (self.data / "postgresql.conf").exists()

    def make(self) -> None:
        """Makes an empty cluster, to which only the account that made it has access."""
        what = ["-A", "trust", "-U", _USER, "-E", "UTF8", "--locale=C", "-N"]
        argv = [program("initdb"), "-D", str(self.data), *what]
        try:
            execute(self._place, self._host, argv, deadline_s=_PREPARE_S)
        except RunFailed as error:
            raise _explained(error) from error

    def argv(self, name: str, *words: str) -> list[str]:
        """Returns a client's call; the database comes last, among the words."""
        return [program(name), "-h", str(self._socket), "-p", _PORT, "-U", _USER, *words]

    def execute(self, argv: Sequence[str], deadline: float) -> Completed:
        """Runs a client to its end."""
        return execute(self._place, self._host, argv, deadline_s=deadline - monotonic())

    @contextmanager
    def serving(self, buffers_mib: int, deadline: float) -> Iterator[None]:
        """Runs the server for the length of the block; it ends with its data written out."""
        settings = [word for setting in _settings(self._socket, buffers_mib) for word in ("-c", setting)]
        server = [program("postgres"), "-D", str(self.data), *settings]
        stop = [program("pg_ctl"), "-D", str(self.data), "-m", "fast", "-w", "-s", "stop"]
        try:
            with serving(self._place, self._host, server, self._answers, deadline=deadline, stop=stop):
                yield
        except RunFailed as error:
            raise _explained(error) from error

    def _answers(self) -> bool:
        asked = self.argv("pg_isready", "-q")
        try:
            execute(self._place, self._host, asked, deadline_s=5.0)
        except RunFailed:
            return False
        return True

    def warm(self, scale: int, buffers_mib: int, deadline: float) -> None:
        """Reads the table into the server's memory, by its index, and writes out what is changed."""
        rows = warm_rows(scale, buffers_mib)
        commands = (
            "SET enable_seqscan = off",  # a scan of the whole table would leave the server's memory as it is
            f"SELECT sum(abalance) FROM pgbench_accounts WHERE aid <= {rows}",  # noqa: S608 - a number of ours
            "CHECKPOINT",
        )
        words = [word for command in commands for word in ("-c", command)]
        self.execute(self.argv("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *words, _DATABASE), deadline)


def warm_rows(scale: int, buffers_mib: int) -> int:
    """Returns how many rows are read before a run: all of them, or as many as the server's memory holds."""
    return _ROWS * max(1, min(scale, buffers_mib // _ROWS_MIB))


def program(name: str) -> str:
    """Returns a program of PostgreSQL, all of the same version where they lie beside each other.

    Raises:
        RunFailed: it is not installed.
    """
    beside = Path(need("initdb")).resolve().parent
    return shutil.which(name, path=beside) or need(name)


def _settings(socket: Path, buffers_mib: int) -> list[str]:
    """Returns what the server is told; all else is PostgreSQL's default, fsync and huge_pages=try too."""
    return [
        "listen_addresses=",
        f"unix_socket_directories={socket}",
        f"port={_PORT}",
        "max_connections=1010",
        f"shared_buffers={buffers_mib}MB",
        "dynamic_shared_memory_type=mmap",  # a killed server leaves those in /dev/shm
        f"max_wal_size={_LOG_MIB}MB",
        f"min_wal_size={_LOG_MIB // 2}MB",
        "checkpoint_timeout=1h",  # each run begins with a checkpoint of its own, and has no other
        "autovacuum=off",  # it would come at random; pgbench vacuums its small tables itself
        "max_parallel_workers_per_gather=0",  # the clients are enough for all processors
        "log_destination=stderr",
        "logging_collector=off",
    ]


def _explained(error: RunFailed) -> RunFailed:
    """Returns an error with a hint, where its cause is known."""
    hints = {
        "root": "kerntune starts it as an ordinary account; this place has none to change to",
        "File exists|not empty|already exists": "is another server at work there, or left from a killed run?",
        "No space left": "make room on the disk, or take a smaller scale",
        "too long": "the scratch directory needs a shorter path: a socket's has 107 bytes at most",
    }
    for pattern, hint in hints.items():
        if re.search(pattern, error.tail):
            message = "PostgreSQL does not run as root" if pattern == "root" else str(error)
            return RunFailed(message, kind=error.kind, tail=error.tail, hint=hint)
    return error
