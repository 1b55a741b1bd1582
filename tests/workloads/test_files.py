import os
import tempfile
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
