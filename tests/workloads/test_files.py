import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from kerntune.errors import PlanError, RunFailed
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads.disk import check_room
from kerntune.workloads.files import Files
from kerntune.workloads.load import files as load

SHORT = {"size_mib": 4, "duration_s": 0.3}


@pytest.fixture
def place(tmp_path):
    return LocalPlace(scratch=tmp_path)


@pytest.mark.parametrize("pattern", ["fsync", "sequential", "random"])
def test_it_keeps_its_promises(place, pattern):
    """Real files on this machine's disk."""
    options = {**SHORT, "pattern": pattern}
    Files(options).prepare(place)

    check_workload(Files, options, place, deadline_s=60)


def test_data_lies_in_the_scratch_directory_alone(place, tmp_path):
    """Made once; a second call finds it."""
    workload = Files({**SHORT, "pattern": "random"})
    workload.prepare(place)
    made = (tmp_path / "files/data-4").stat()
    workload.prepare(place)
    workload.run(place, 60.0)

    after = (tmp_path / "files/data-4").stat()
    assert made.st_size == 4 << 20
    assert (made.st_ino, made.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [path.name for path in tmp_path.rglob("*")] == ["files", "data-4"]


def test_a_file_is_cold_before_it_is_read(tmp_path):
    """Its pages leave memory; those just written would be read at the speed of memory."""
    path = tmp_path / "data"
    load.make(path, 4)
    with path.open("r+b") as file:
        warm = load.cached_share(file.fileno())
        load.drop(file.fileno())

        assert warm == 1.0
        assert load.cached_share(file.fileno()) < 0.05


def test_a_file_that_stays_in_memory_is_no_disk():
    """A file system in memory has no cold file."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108 - a file system in memory is what is wanted
        pytest.skip("no file system in memory")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        place = LocalPlace(scratch=Path(folder))
        workload = Files({**SHORT, "pattern": "sequential"})
        workload.prepare(place)

        with pytest.raises(RunFailed) as caught:
            workload.run(place, 60.0)

    assert "100% of the file stay in memory" in caught.value.tail


def test_writes_to_a_file_system_in_memory_are_refused():
    """An fsync costs nothing there: the figure would be that of memory."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108 - a file system in memory is what is wanted
        pytest.skip("no file system in memory")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        workload = Files(SHORT)
        place = LocalPlace(scratch=Path(folder))
        workload.prepare(place)

        with pytest.raises(RunFailed) as caught:
            workload.run(place, 60.0)

    assert "100% of the file stay in memory" in caught.value.tail


def test_what_comes_before_the_first_operation_is_not_measured(capsys):
    """Dropping a big file's pages, or truncating the log of the run before, takes its time."""

    def slow_to_begin():
        time.sleep(0.3)
        yield 0
        while True:
            time.sleep(0.001)
            yield 1000

    load.measure(slow_to_begin(), 0.1)

    figures = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert float(figures["p99_latency"]) < 100
    assert float(figures["throughput"]) > 0.1


def test_a_disk_that_becomes_full_is_told_in_words(tmp_path):
    """No traceback: the file, and the reason."""
    argv = [sys.executable, "-I", "-S", load.__file__, "fsync", "path=/dev/full", "duration_s=1"]
    argv += ["write_kib=4", "writes_per_fsync=1", "size_mib=1"]

    ended = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "No space left on device" in ended.stderr


def test_a_run_without_its_file_says_so(place):
    """Nobody prepared it."""
    with pytest.raises(RunFailed, match="was not made"):
        Files(SHORT).run(place, 60.0)


def test_a_disk_without_room_is_refused_before_anything_is_written(place, tmp_path):
    """The machine is in use: its disk must not become full."""
    with pytest.raises(RunFailed, match="needs 1048576 MiB on the disk"):
        Files({"pattern": "random", "size_mib": 1 << 20}).prepare(place)

    assert not list((tmp_path / "files").iterdir())


def test_the_reserve_stays_free(tmp_path):
    """What would just fit does not."""
    check_room(tmp_path, 1, "a page", reserve_mib=0)

    with pytest.raises(RunFailed, match="needs 0 MiB"):
        check_room(tmp_path, 0, "nothing", reserve_mib=1 << 40)


def test_all_faults_of_the_options_are_told():
    """At once, each with its field."""
    with pytest.raises(PlanError) as caught:
        Files(
            {"pattern": "backwards", "size_mib": 0, "duration_s": 0.0, "write_kib": 0, "writes_per_fsync": 0}
        )

    assert len(caught.value.faults) == 5


def test_random_reads_end_before_the_file_lies_in_memory(tmp_path):
    """The kernel loads 32 pages for one: after a 64th of them, the figure would become that of memory."""
    path = tmp_path / "data"
    load.make(path, 4)

    ready, *reads = itertools.islice(load.at_random(path, {}), 2000)

    assert ready == 0
    assert len(reads) == (4 << 20) // load.PAGE // 64


def test_what_is_written_between_two_fsyncs_fits_into_the_log():
    """The disk has room for the log alone: more would fill it."""
    Files({"size_mib": 4, "write_kib": 1024, "writes_per_fsync": 4})

    with pytest.raises(PlanError, match="size_mib 4 is less than the 5 MiB"):
        Files({"size_mib": 4, "write_kib": 1024, "writes_per_fsync": 5})
