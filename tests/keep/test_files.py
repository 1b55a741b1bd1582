"""Files as a whole: what to do when one cannot be read or written."""

import errno
from pathlib import Path

import pytest

from kerntune.errors import TargetError
from kerntune.keep import File, Ledger
from kerntune.keep.files import carry_out, found, remedy


def test_a_directory_in_the_place_of_a_file_is_no_matter_of_rights(tmp_path: Path):
    """Root cannot read it either."""
    (tmp_path / "etc/x").mkdir(parents=True)

    with pytest.raises(TargetError) as caught:
        found(tmp_path, "/etc/x")
    assert caught.value.hint == "look at what is there: ls -ld /etc/x"


def test_a_file_that_cannot_be_written_leaves_no_draft(tmp_path: Path):
    """Neither of it nor of those before it."""
    (tmp_path / "b").write_text("in the way")

    with pytest.raises(TargetError, match="/b/y"):
        carry_out([File("/a/x", "1\n"), File("/b/y", "2\n")], Ledger(), tmp_path)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "b"]


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "run it as root"),
        (errno.ENOSPC, "free some disk space"),
        (errno.EROFS, "make it writable"),
    ],
)
def test_the_hint_follows_the_reason(number: int, hint: str):
    """What helps against one does not against another."""
    assert remedy(OSError(number, "no"), "/x") == hint
