"""systemd units that take back what a killed tuner left: as data, and written where systemd looks."""

import re
from collections.abc import Iterable
from pathlib import Path

from kerntune.errors import InputError, TargetError
from kerntune.keep.files import replace_file, under
from kerntune.keep.record import File

FOLDER = "/etc/systemd/system"
RECOVER = f"{FOLDER}/kerntune-recover.service"
DROPPED_IN = "kerntune.conf"
UNIT_NAME = re.compile(r"[\w@.:\\-]+\.service")
OURS = "# Written by kerntune"

RUNTIME = "/run/systemd/system"
"""systemd makes it when it starts a machine (sd_booted(3)); without it there is nothing to install."""

SERVICE = """\
# Written by kerntune. A restart forgets every value that was being tried; this clears the journals
# of the boot before, and takes back what outlived it (a soft reboot, a container's restart).
[Unit]
Description=Take back kernel settings that an interrupted kerntune left
DefaultDependencies=no
RequiresMountsFor={place}
After=local-fs.target systemd-sysctl.service systemd-tmpfiles-setup.service
Before=sysinit.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart={hand} --journal {journal} --recover
TimeoutStartSec=60

[Install]
WantedBy=sysinit.target
"""

DROP_IN = """\
# Written by kerntune: however {unit} ends, kernel settings that kerntune was trying in it go back.
[Service]
ExecStopPost=-+{hand} --journal {journal} --recover
"""


def units(hand: Path, journal: Path) -> tuple[File, ...]:
    """Returns the units, named from /: one that recovers at boot, before other services.

    Args:
        hand: The installed hand, as an absolute path: root's, so that no user's files run with root's rights.
        journal: The directory of the machine's journals.

    Raises:
        InputError: a path is not absolute, or holds a character that no unit may hold.
    """
    return (File(RECOVER, SERVICE.format(**_fields(hand, journal), place=_escaped(str(journal)))),)


def drop_in(unit: str, hand: Path, journal: Path) -> File:
    """Returns a drop-in for a unit that runs kerntune: its end takes values back, whoever was killed.

    Raises:
        InputError: that is no name of a service, or a path cannot stand in a unit.
    """
    if not UNIT_NAME.fullmatch(unit):
        msg = f"{unit!r} is no name of a service"
        raise InputError(msg, hint="give it as systemctl lists it: nginx.service")
    return File(f"{FOLDER}/{unit}.d/{DROPPED_IN}", DROP_IN.format(unit=unit, **_fields(hand, journal)))


def written(root: Path) -> tuple[Path, ...]:
    """Returns what `install` has written below a root, and what enabling it has linked: links first."""
    folder = under(root, FOLDER)
    links = folder.glob(f"*.wants/{Path(RECOVER).name}")
    files = [*folder.glob(f"*.d/{DROPPED_IN}"), *folder.glob(Path(RECOVER).name)]
    return (*sorted(links), *(path for path in sorted(files) if path.read_text().startswith(OURS)))


def install(files: Iterable[File], root: Path) -> tuple[str, ...]:
    """Writes units and returns what to do next, one command a line; nothing where systemd does not run.

    Without systemd the next start of kerntune recovers.

    Raises:
        TargetError: a file cannot be written.
    """
    if not under(root, RUNTIME).is_dir():
        return ()
    names = []
    for file in files:
        path = under(root, file.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, file.text)
        except OSError as error:
            msg = f"cannot write {file.path}: {error.strerror}"
            raise TargetError(msg, hint="run it as root") from error
        names += [path.name] if path.suffix == ".service" else []
    return ("systemctl daemon-reload", *(f"systemctl enable {name}" for name in names))


def _fields(hand: Path, journal: Path) -> dict[str, str]:
    for path in (hand, journal):
        if not path.is_absolute() or not str(path).isprintable():
            msg = f"{str(path)!r} cannot stand in a unit of systemd: it must be an absolute path"
            raise InputError(msg, hint="give the whole path")
    return {name: _quoted(str(path)) for name, path in (("hand", hand), ("journal", journal))}


def _escaped(text: str) -> str:
    """Returns a text with systemd's specifiers (%h) and escapes switched off."""
    return re.sub(r"[\s\"'\\]", lambda found: f"\\x{ord(found[0]):02x}", text.replace("%", "%%"))


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'
