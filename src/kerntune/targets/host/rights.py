"""How the hand of this machine gets its rights: as root directly, else through sudo for the hand alone."""

import os
import subprocess
import sys
from pathlib import Path

from kerntune.errors import HandError, TargetError
from kerntune.hand.client import Hand

INSTALLED = Path("/usr/local/libexec/kerntune-hand")
"""The hand as `kerntune setup` installs it: one file of root's, so sudo runs nothing users can change."""


def hand_for(journal_dir: Path, study: str, *, installed: Path = INSTALLED) -> Hand:
    """Returns a running hand for this machine's knobs, the only one of its kind while it lives.

    Raises:
        TargetError: there is no way to rights here, or another study tunes this machine.
    """
    try:
        if os.geteuid() == 0:
            return Hand.spawn(journal_dir, sole=study)
        _ask_sudo(installed)
        return Hand.spawn(journal_dir, prefix=("sudo", "-n", "--"), program=installed, sole=study)
    except HandError as error:
        if error.kind in {"busy", "permission", "lost", "trust"}:
            raise TargetError(str(error), hint=error.hint) from error
        raise


def _ask_sudo(installed: Path) -> None:
    """Makes sure that sudo will start the hand; on a terminal it may ask for the password, once.

    Raises:
        TargetError: it will not.
    """
    if not installed.exists():
        msg = "this machine's knobs are root's, and the hand that turns them is not installed"
        raise TargetError(msg, hint="run kerntune as root, or once: sudo kerntune setup")
    try:
        allowed = subprocess.run(["sudo", "-n", "-l", "--", installed], capture_output=True, check=False)
        if allowed.returncode != 0 and sys.stdin.isatty():
            allowed = subprocess.run(["sudo", "-v"], check=False)
    except OSError as error:
        msg = f"cannot start sudo: {error.strerror}"
        raise TargetError(msg, hint="run kerntune as root") from error
    if allowed.returncode != 0:
        msg = "sudo does not let us start the hand"
        raise TargetError(msg, hint="sudo -v, then again; or run kerntune as root")
