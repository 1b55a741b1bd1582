"""Who else sets a knob on this machine: configuration files, udev rules, running managers.

Reads files below a root and nothing else; never asks the managers, never changes anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kerntune.model.knob import Knob
from kerntune.owners import managers, sysctl, tmpfiles, udev
from kerntune.owners.setting import Lookup, Setting

ROOT = Path("/")
OURS = frozenset(("/etc/sysctl.d/90-kerntune.conf", "/etc/tmpfiles.d/kerntune.conf"))
"""The files kerntune keeps its own results in."""

__all__ = ["OURS", "Setting", "owners"]


def owners(knobs: Iterable[Knob], root: Path = ROOT) -> Mapping[str, str]:
    """Returns who else sets each of the knobs, in words; knobs that nobody sets are left out.

    Of several files of one kind that set a knob, the one whose value lasts is named. kerntune's own files
    count as nobody's. /etc, /run, /usr, /var and /proc are those below `root`.
    """
    running = managers.running(root)
    files = (
        sysctl.effective(_others(sysctl.settings(root))),
        tmpfiles.effective(_others(tmpfiles.settings(root))),
    )
    rules = udev.rules(root)
    found = {}
    for knob in knobs:
        claims = [*_claims(knob, files), *udev.claims(rules, knob.path), *managers.claims(running, knob.path)]
        if claims:
            found[knob.name] = "; ".join(dict.fromkeys(claims))
    return found


def _others(settings: Iterable[Setting]) -> list[Setting]:
    return [setting for setting in settings if setting.file not in OURS]


def _claims(knob: Knob, files: Iterable[Lookup]) -> Iterator[str]:
    for lookup in files:
        setting = lookup(knob.path)
        if setting is not None:
            yield setting.place
