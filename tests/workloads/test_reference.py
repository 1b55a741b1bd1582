from pathlib import Path

import pytest

from kerntune.workloads.command import Command, CommandOptions
from kerntune.workloads.connections import ConnectionOptions, Connections
from kerntune.workloads.files import FileOptions, Files
from kerntune.workloads.fio import Fio, FioOptions
from kerntune.workloads.hackbench import Hackbench, HackbenchOptions
from kerntune.workloads.http import Http, HttpOptions
from kerntune.workloads.memcached import Memcached, MemcachedOptions
from kerntune.workloads.memory import Memory, MemoryOptions
from kerntune.workloads.perf_bench import PerfBench, PerfBenchOptions
from kerntune.workloads.pgbench import Pgbench, PgbenchOptions
from kerntune.workloads.redis import Redis, RedisOptions
from kerntune.workloads.service import Service, ServiceOptions
from kerntune.workloads.stress_ng import StressNg, StressNgOptions
from kerntune.workloads.sysbench import Sysbench, SysbenchOptions
from kerntune.workloads.udp_bursts import BurstOptions, UdpBursts
from kerntune.workloads.wan_requests import RequestOptions, WanRequests
from kerntune.workloads.wan_transfer import TransferOptions, WanTransfer

PAGE = (Path(__file__).parents[2] / "docs/reference/workloads.md").read_text()
ALL = [
    (WanTransfer, TransferOptions),
    (WanRequests, RequestOptions),
    (Connections, ConnectionOptions),
    (UdpBursts, BurstOptions),
    (Command, CommandOptions),
    (Pgbench, PgbenchOptions),
    (Redis, RedisOptions),
    (Memcached, MemcachedOptions),
    (Http, HttpOptions),
    (Service, ServiceOptions),
    (Memory, MemoryOptions),
    (Files, FileOptions),
    (Sysbench, SysbenchOptions),
    (Fio, FioOptions),
    (StressNg, StressNgOptions),
    (PerfBench, PerfBenchOptions),
    (Hackbench, HackbenchOptions),
]
PROGRAMS = [Memory, Files, Sysbench, Fio, StressNg, PerfBench, Hackbench]
SERVERS = [Pgbench, Redis, Memcached, Http]


@pytest.mark.parametrize(("workload", "options"), ALL)
def test_the_reference_names_every_option_with_its_default(workload, options):
    """A page that is wrong is worse than none."""
    section = PAGE.partition(f"## {workload.name}\n")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| `")]

    for name, field in options.model_fields.items():
        (row,) = [row for row in rows if f"`{name}`" in row.split("|")[1]]
        if isinstance(field.default, int | float):
            assert str(field.default).lower() in row.split("|")[2], name


@pytest.mark.parametrize(("workload", "options"), ALL)
def test_the_first_line_of_a_workload_says_what_it_is(workload, options):
    """It is what `kerntune workloads` shows."""
    line = workload.__doc__.splitlines()[0]

    assert line.endswith(".")
    assert len(line) < 110


@pytest.mark.parametrize("workload", [WanTransfer, WanRequests, Connections, UdpBursts, *SERVERS, *PROGRAMS])
def test_the_reference_names_every_metric(workload):
    """In the table at the top."""
    overview = PAGE.partition("\n## ")[0]
    (row,) = [row for row in overview.splitlines() if row.startswith(f"| `{workload.name}`")]

    assert all(f"`{spec.name}`" in row for spec in workload().metrics(None))
