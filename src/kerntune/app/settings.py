"""Where kerntune keeps its state; the only place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerntune.errors import InputError


@dataclass(frozen=True, slots=True)
class Settings:
    """The directories of this user. Never a Config: that is what knobs are set to."""

    state_dir: Path

    @property
    def store_path(self) -> Path:
        """Returns the path of the store."""
        return self.state_dir / "kerntune.db"

    @property
    def journal_dir(self) -> Path:
        """Returns the directory of the hands' journals."""
        return self.state_dir / "journal"


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Returns the settings: state under $XDG_STATE_HOME/kerntune, ~/.local/state/kerntune without it.

    A relative XDG_STATE_HOME is ignored, as the XDG base directory specification wants it.

    Raises:
        InputError: The directory is there, or above it one, that may not be looked into.
    """
    state_home = Path(environ.get("XDG_STATE_HOME") or "")
    base = state_home if state_home.is_absolute() else Path.home() / ".local" / "state"
    found = Settings(base / "kerntune")
    try:
        hidden = found.state_dir.exists() and not os.access(found.state_dir, os.R_OK | os.X_OK)
    except PermissionError:
        hidden = True
    if hidden:
        msg = f"the state directory {found.state_dir} may not be looked into"
        raise InputError(msg, hint="set XDG_STATE_HOME to a directory of yours")
    return found
