"""Where kerntune keeps its state; the only place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerntune.errors import InputError


@dataclass(frozen=True, slots=True)
class Settings:
    """The directories of this user, and of the machine. Never a Config: that is what knobs are set to.

    `machine_dir` is root's: journals of the machine's own knobs, and what is kept of studies. `caller` is who
    called sudo, if somebody did.
    """

    state_dir: Path
    machine_dir: Path = Path("/var/lib/kerntune")
    caller: str = ""

    @property
    def store_path(self) -> Path:
        """Returns the path of the store."""
        return self.state_dir / "kerntune.db"

    @property
    def journal_dir(self) -> Path:
        """Returns the directory of the journals of hands in sandboxes."""
        return self.state_dir / "journal"

    @property
    def machine_journal_dir(self) -> Path:
        """Returns the directory of the journals of hands that turn the machine's own knobs."""
        return self.machine_dir / "journal"

    def journal_dir_of(self, target: str) -> Path:
        """Returns the directory of the journals of a target's hands: one for the whole machine on `host`."""
        return self.machine_journal_dir if target == "host" else self.journal_dir


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Returns the settings: state under $XDG_STATE_HOME/kerntune, ~/.local/state/kerntune without it.

    A relative XDG_STATE_HOME is ignored, as the XDG base directory specification wants it. What belongs to
    the machine lies in /var/lib/kerntune, or $KERNTUNE_MACHINE_DIR.

    Raises:
        InputError: The directory is there, or above it one, that may not be looked into; or the machine's is
            no absolute path: the next command would look for it elsewhere.
    """
    state_home = Path(environ.get("XDG_STATE_HOME") or "")
    base = state_home if state_home.is_absolute() else Path.home() / ".local" / "state"
    machine = Path(environ.get("KERNTUNE_MACHINE_DIR") or "/var/lib/kerntune")
    if not machine.is_absolute():
        msg = f"KERNTUNE_MACHINE_DIR is {str(machine)!r}, which is no absolute path"
        raise InputError(msg, hint="leave it out, or begin it with /")
    found = Settings(base / "kerntune", machine, _caller(environ))
    try:
        hidden = found.state_dir.exists() and not os.access(found.state_dir, os.R_OK | os.X_OK)
    except PermissionError:
        hidden = True
    if hidden:
        msg = f"the state directory {found.state_dir} may not be looked into"
        raise InputError(msg, hint="set XDG_STATE_HOME to a directory of yours")
    return found


def _caller(environ: Mapping[str, str]) -> str:
    """Returns who called sudo, "" where nobody did or root itself."""
    name = environ.get("SUDO_USER", "")
    return "" if os.geteuid() != 0 or name == "root" else name
