"""Installs what needs root once: the hand for sudo, and units that recover at boot. And removes it again."""

from collections.abc import Iterator
from pathlib import Path

from kerntune.app.settings import Settings
from kerntune.errors import TargetError
from kerntune.hand.bundle import bundle
from kerntune.keep import drop_in, install, units, written
from kerntune.targets.host.rights import INSTALLED

ROOT = Path("/")


def installed(here: Settings, unit: str = "", *, root: Path = ROOT) -> Iterator[str]:
    """Installs the hand and, where systemd runs, the units; yields what was done and what to do next.

    Args:
        here: Where the machine's journals are.
        unit: A service after whose end values go back, too; "" for none.
        root: Where to install; / but in tests.

    Raises:
        TargetError: we may not write there.
        InputError: the unit is no service's name.
    """
    hand = root / INSTALLED.relative_to("/")
    try:
        hand.parent.mkdir(parents=True, exist_ok=True)
        bundle(hand)
    except OSError as error:
        msg = f"cannot write {hand}: {error.strerror}"
        raise TargetError(msg, hint="run it as root: sudo kerntune setup") from error
    yield f"installed {hand}: the part of kerntune that writes knobs, in one file of root's"
    journal = here.machine_journal_dir
    files = [*units(INSTALLED, journal), *([drop_in(unit, INSTALLED, journal)] if unit else [])]
    commands = install(files, root)
    if not commands:
        yield "systemd does not run here: what a crash left is taken back by the next start of kerntune"
        return
    yield from (f"wrote {file.path}" for file in files)
    yield from ("now run:", *(f"  {line}" for line in commands))


def removed(*, root: Path = ROOT) -> Iterator[str]:
    """Removes what `installed` wrote, and yields what was removed."""
    for path in (root / INSTALLED.relative_to("/"), *written(root)):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            msg = f"cannot remove {path}: {error.strerror}"
            raise TargetError(msg, hint="run it as root: sudo kerntune setup --remove") from error
        yield f"removed {path}"
