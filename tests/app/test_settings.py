"""Settings: where state is kept, by the XDG base directory specification."""

import os
from pathlib import Path

import pytest

from kerntune.app.settings import settings
from kerntune.errors import InputError


def test_state_goes_where_xdg_says():
    """XDG_STATE_HOME/kerntune, and everything below it."""
    here = settings({"XDG_STATE_HOME": "/elsewhere/state"})

    assert here.state_dir == Path("/elsewhere/state/kerntune")
    assert here.store_path.parent == here.state_dir
    assert here.journal_dir.parent == here.state_dir


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every directory")
def test_a_state_directory_of_somebody_else_is_refused(tmp_path: Path):
    """Said once, at the border, instead of a traceback from somewhere within."""
    (tmp_path / "kerntune").mkdir(mode=0o000)

    with pytest.raises(InputError, match="may not be looked into"):
        settings({"XDG_STATE_HOME": str(tmp_path)})


def test_without_xdg_or_with_a_relative_one_it_is_the_home():
    """The specification has relative paths ignored."""
    expected = Path.home() / ".local" / "state" / "kerntune"

    assert settings({}).state_dir == expected
    assert settings({"XDG_STATE_HOME": "state"}).state_dir == expected
    assert settings({"XDG_STATE_HOME": ""}).state_dir == expected


def test_the_machines_directory_is_named_from_the_root():
    """A relative one would be another one for the next command: what is kept would seem to be lost."""
    with pytest.raises(InputError, match="no absolute path"):
        settings({"HOME": "/root", "KERNTUNE_MACHINE_DIR": "machine"})
