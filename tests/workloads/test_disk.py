"""Directories on a place's disk, and the room they need."""

import pytest

from kerntune.errors import RunFailed
from kerntune.testing.local import LocalPlace
from kerntune.workloads.disk import check_room, empty_directory, passing_directory


def test_a_directory_is_ours_alone_and_goes_with_the_block(tmp_path):
    """Whatever lies in it."""
    with passing_directory(LocalPlace(scratch=tmp_path), "local", "web") as home:
        (home / "file").write_text("x")
        assert home.stat().st_mode & 0o777 == 0o700

    assert not home.exists()


def test_a_directory_that_is_not_empty_is_refused(tmp_path):
    """It may be somebody's."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()

    with pytest.raises(RunFailed, match="is not empty"):
        empty_directory(LocalPlace(scratch=tmp_path), "local", "data")


def test_a_disk_nearly_full_is_told_before_anything_is_written(tmp_path):
    """With what is needed and what there is."""
    check_room(tmp_path, 1, "a page")

    with pytest.raises(RunFailed, match=r"the data needs 1000000000 MiB on the disk of .* MiB are free"):
        check_room(tmp_path, 1e9, "the data")


def test_a_server_that_cannot_write_is_not_started(tmp_path):
    """It would not say why it never comes."""
    place = LocalPlace(scratch=tmp_path)

    with (
        pytest.raises(RunFailed, match="a server needs 1000000000 MiB"),
        passing_directory(place, "local", "web", needed_mib=1e9),
    ):
        pytest.fail("there is no room")

    assert not list(tmp_path.iterdir())
