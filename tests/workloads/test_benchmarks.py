"""The adapters of sysbench, fio, stress-ng, perf bench and hackbench, with the real programs."""

import shutil

import pytest

from kerntune.errors import MetricError, PlanError, RunFailed
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads.fio import Fio
from kerntune.workloads.hackbench import Hackbench
from kerntune.workloads.perf_bench import BENCHES, PerfBench, PerfBenchOptions
from kerntune.workloads.stress_ng import StressNg
from kerntune.workloads.sysbench import Sysbench

SHORT = [
    ("sysbench", Sysbench, {"test": "cpu", "duration_s": 1.0}),
    ("sysbench", Sysbench, {"test": "memory", "duration_s": 1.0}),
    ("sysbench", Sysbench, {"test": "threads", "duration_s": 1.0}),
    ("sysbench", Sysbench, {"test": "fileio", "size_mib": 16, "duration_s": 1.0}),
    ("fio", Fio, {"size_mib": 8, "duration_s": 1.0}),
    ("fio", Fio, {"rw": "randrw", "size_mib": 8, "duration_s": 1.0, "numjobs": 2, "fsync": 8}),
    ("stress-ng", StressNg, {"stressor": "pipe", "instances": 1, "duration_s": 1.0}),
    *(("perf", PerfBench, {"bench": bench, "scale": 0.05}) for bench in BENCHES),
    ("hackbench", Hackbench, {"groups": 1, "loops": 20}),
    ("hackbench", Hackbench, {"groups": 1, "loops": 20, "tasks": "threads", "channel": "pipe"}),
]


def ready(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def place(tmp_path):
    return LocalPlace(scratch=tmp_path)


@pytest.mark.parametrize(("program", "make", "options"), SHORT)
def test_it_keeps_its_promises(place, program, make, options):
    """The real program, as short as it can be."""
    ready(program)
    workload = make(options)
    if hasattr(workload, "prepare"):
        workload.prepare(place)

    check_workload(make, options, place, deadline_s=120)


@pytest.mark.parametrize(("program", "make"), [("sysbench", Sysbench), ("fio", Fio)])
def test_data_lies_in_the_scratch_directory_alone(place, tmp_path, program, make):
    """And a disk without room for it is refused first."""
    ready(program)
    options = {"test": "fileio"} if make is Sysbench else {}

    with pytest.raises(RunFailed, match="needs 1048576 MiB on the disk"):
        make({**options, "size_mib": 1 << 20}).prepare(place)

    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [make.name]


def test_files_that_nobody_made_are_named(place):
    """A run without its data says so, and is no number."""
    ready("sysbench")

    with pytest.raises(RunFailed, match="were not made"):
        Sysbench({"test": "fileio"}).run(place, 60.0)


@pytest.mark.parametrize("name", ["no-such-stressor", "all", "timeout"])
def test_what_is_no_stressor_is_refused(place, name):
    """It would be another option of the program's, or three hundred stressors."""
    ready("stress-ng")

    with pytest.raises(RunFailed, match=f"no stressor {name}") as caught:
        StressNg({"stressor": name}).run(place, 60.0)

    assert "stress-ng --stressors" in caught.value.hint


def test_a_program_that_did_nothing_gives_no_number(place):
    """A rate of zero has no ratio to another."""
    with pytest.raises(MetricError, match="too little work"):
        PerfBench()._rate(0.0, "")


def test_every_benchmark_of_perf_can_be_chosen():
    """The table and the option name the same."""
    schema = PerfBenchOptions.model_json_schema()

    assert schema["properties"]["bench"]["enum"] == list(BENCHES)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Sysbench, {"test": "gpu", "threads": -1, "duration_s": 0.2, "size_mib": 0}),
        (Fio, {"rw": "trim", "bs": "4k --exec=x", "direct": "yes"}),
        (StressNg, {"stressor": "Pipe --all", "instances": -1, "duration_s": 0.5}),
        (PerfBench, {"bench": "all", "scale": 0.0}),
        (Hackbench, {"groups": 0, "loops": 0, "tasks": "fibers", "channel": "mail"}),
    ],
)
def test_all_faults_of_the_options_are_told(make, options):
    """At once, each with its field."""
    with pytest.raises(PlanError) as caught:
        make(options)

    assert [fault.field for fault in caught.value.faults] == list(options)
