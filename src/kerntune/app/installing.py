"""Installs what needs root once: the hand for sudo, and units that recover at boot. And removes it again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kerntune.app.settings import Settings
from kerntune.errors import TargetError
from kerntune.hand.bundle import PYTHON, bundle
from kerntune.keep import drop_in, install, units, written
from kerntune.targets.host.rights import INSTALLED

ROOT = Path("/")


def installed(here: Settings, unit: str = "", *, root: Path = ROOT) -> Iterator[str]:
    """Installs the hand and, where systemd runs, the units; yields what was done and what to do next.

    Args:
        here: Where the machine's journals are.
        unit: A service that runs kerntune, after whose end values go back, too; "" for none.
        root: Where to install; / but in tests.

    Raises:
        TargetError: we may not write there, or the hand does not start.
        InputError: the unit is no service's name; nothing is installed.
    """
    journal = here.machine_journal_dir
    files = [*units(INSTALLED, journal), *([drop_in(unit, INSTALLED, journal)] if unit else [])]
    hand = root / INSTALLED.relative_to("/")
    try:
        hand.parent.mkdir(parents=True, exist_ok=True)
        bundle(hand)
    except OSError as error:
        msg = f"cannot write {hand}: {error.strerror}"
        raise TargetError(msg, hint="run it as root: sudo kerntune setup") from error
    _check_starts(hand)
    yield f"installed {hand}: the part of kerntune that writes knobs, in one file of root's"
    commands = install(files, root)
    if not commands:
        yield "systemd does not run here: what a crash left is taken back by the next start of kerntune"
        return
    yield from (f"wrote {file.path}" for file in files)
    yield from ("now run:", *(f"  {line}" for line in commands))


def _check_starts(hand: Path) -> None:
    """Makes sure that the system's own Python can run the hand."""
    try:
        subprocess.run([hand, "--help"], capture_output=True, text=True, check=True, cwd="/")
    except (OSError, subprocess.CalledProcessError) as error:
        msg = f"{hand} does not start with {PYTHON}: {getattr(error, 'stderr', '') or error}"
        raise TargetError(msg, hint=f"it needs a {PYTHON} of version 3.11 or newer") from error


def removed(*, root: Path = ROOT) -> Iterator[str]:
    """Removes what `installed` wrote, and yields what was removed and what to do next."""
    found = [path for path in (root / INSTALLED.relative_to("/"), *written(root)) if os.path.lexists(path)]
    if not found:
        yield "nothing of kerntune's is installed"
    for path in found:
        try:
            path.unlink()
        except OSError as error:
            msg = f"cannot remove {path}: {error.strerror}"
            raise TargetError(msg, hint="run it as root: sudo kerntune setup --remove") from error
        yield f"removed {path}"
        if path.parent.suffix == ".d":
            with suppress(OSError):  # there are other drop-ins in it
                path.parent.rmdir()
    if len(found) > 1:
        yield from ("now run:", "  systemctl daemon-reload")
