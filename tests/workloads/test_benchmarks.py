"""The adapters of sysbench, fio, stress-ng, perf bench and hackbench, with the real programs."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from kerntune.errors import MetricError, PlanError, RunFailed
from kerntune.interfaces import MetricSpec
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
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
    ("hackbench", Hackbench, {"groups": 1, "loops": 300}),
    ("hackbench", Hackbench, {"groups": 1, "loops": 300, "tasks": "threads", "channel": "pipe"}),
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


PRINTED = Path(__file__).parents[1] / "readers/printed"


class Printing(LocalPlace):
    """A place where fio prints what it once printed; it remembers what was started."""

    def __init__(self, printed, scratch):
        super().__init__(scratch=scratch)
        self.printed = printed
        self.started = []

    def start(self, argv, host, stdout, stderr, *, privileged=False):
        self.argv = argv
        self.started.append(Path(argv[0]).name)
        is_fio = self.started[-1] == "fio"
        return super().start(["cat", self.printed] if is_fio else argv, host, stdout, stderr)


def test_an_operation_of_fio_lasts_from_its_submission(tmp_path):
    """Libaio reads the page cache while it submits: what comes after that is a fraction of the time."""
    ready("fio")
    printed = PRINTED / "fio-libaio.json"
    place = Printing(printed, tmp_path)
    total = Wanted(MetricSpec("p99", "us", Direction.MINIMIZE), "read.total_p99")

    *_, slowest = Fio({"ioengine": "libaio"}).run(place, 60.0)

    assert slowest.value == pytest.approx(read(READERS["fio"], printed.read_text(), [total])[0].value / 1000)


@pytest.mark.parametrize(("rw", "programs"), [("randrw", ["sync", "fio"]), ("randread", ["fio"])])
def test_a_job_does_not_write_back_what_the_job_before_it_left(tmp_path, rw, programs):
    """What is dirty is on the disk before the next job begins."""
    ready("fio")
    place = Printing(PRINTED / "fio-libaio.json", tmp_path)
    (tmp_path / "fio").mkdir()
    (tmp_path / "fio/data-1024").touch()

    with suppress(MetricError):  # it printed reads only
        Fio({"rw": rw}).run(place, 60.0)

    assert place.started == programs


@pytest.mark.parametrize(
    ("options", "goes_on"), [({}, False), ({"direct": True}, True), ({"rw": "randread"}, True)]
)
def test_a_file_read_in_order_is_read_once(tmp_path, options, goes_on):
    """A second time it would lie in memory: the figure would be that of memory."""
    ready("fio")
    place = Printing(PRINTED / "fio-libaio.json", tmp_path)

    Fio({"rw": "read", **options}).run(place, 60.0)

    assert ("--time_based" in place.argv) is goes_on


@pytest.mark.parametrize("engine", ["psync", "mmap"])
def test_an_engine_with_one_operation_at_a_time_is_asked_for_no_more(engine):
    """Fio would cut the depth to 1 and go on."""
    with pytest.raises(PlanError, match="iodepth"):
        Fio({"ioengine": engine, "iodepth": 8})


def test_a_figure_that_sysbench_rounds_to_nothing_is_not_given():
    """A write of 1 KiB takes less than the hundredth of a millisecond that it prints."""
    assert [spec.name for spec in Sysbench({"test": "memory"}).metrics(None)] == ["events"]
