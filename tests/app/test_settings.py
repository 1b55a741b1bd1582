"""Settings: where state is kept, by the XDG base directory specification."""

from pathlib import Path

from kerntune.app.settings import settings


def test_state_goes_where_xdg_says():
    """XDG_STATE_HOME/kerntune, and everything below it."""
    here = settings({"XDG_STATE_HOME": "/elsewhere/state"})

    assert here.state_dir == Path("/elsewhere/state/kerntune")
    assert here.store_path.parent == here.state_dir
    assert here.journal_dir.parent == here.state_dir


def test_without_xdg_or_with_a_relative_one_it_is_the_home():
    """The specification has relative paths ignored."""
    expected = Path.home() / ".local" / "state" / "kerntune"

    assert settings({}).state_dir == expected
    assert settings({"XDG_STATE_HOME": "state"}).state_dir == expected
    assert settings({"XDG_STATE_HOME": ""}).state_dir == expected
