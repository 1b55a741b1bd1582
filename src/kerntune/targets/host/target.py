"""The target `host` as the study sees it: this machine, a hand that turns its knobs, a warden for programs.

The hand is started when a config is first applied, never to read: so looking, and planning without doing,
need no rights at all.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kerntune.catalog import Catalog
from kerntune.errors import RunFailed
from kerntune.hand.client import Hand
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel, value_of
from kerntune.model.knob import Absence, AbsenceReason, Config, Reading
from kerntune.targets.host import account, devices
from kerntune.targets.host.client import Warden
from kerntune.targets.host.options import Options, parse
from kerntune.targets.host.place import HostPlace
from kerntune.targets.host.rights import hand_for
from kerntune.targets.host.warden import Terms

LEASE_S = 6 * 3600.0
"""A tuner that dies takes its config along at once; this is for one that hangs."""


@contextmanager
def open_target(
    options: Mapping[str, object], *, journal_dir: Path, catalog: Catalog, study: str = ""
) -> Iterator["HostTarget"]:
    """Opens the target for the length of the block; whatever ends it, every knob is as it was before.

    `study` names who tunes here: a second study is refused with this name.

    Raises:
        PlanError: with every option that is wrong.
    """
    wanted = parse(options)
    with ExitStack() as stack:
        yield HostTarget(stack, wanted, journal_dir, catalog, study)


class HostTarget:
    """This machine. Its hand and its warden start with the first config.

    Without a study only a config with knobs needs the hand, and with it rights.
    """

    def __init__(
        self, stack: ExitStack, options: Options, journal_dir: Path, catalog: Catalog, study: str
    ) -> None:
        self._stack = stack
        self._options = options
        self._journal_dir = journal_dir
        self._panel = Panel(catalog, kinds())
        self._study = study
        self._hand: Hand | None = None
        self._warden: Warden | None = None

    @property
    def name(self) -> str:
        """The registered name."""
        return "host"

    @property
    def devices(self) -> Mapping[str, tuple[str, ...]]:
        """The device of the default route; disk and file system of the workloads' directory; CPU policies."""
        return {
            "device": devices.network_devices(),
            "disk": devices.disks(self._options.directory),
            "ext4": devices.ext4(self._options.directory),
            "policy": devices.policies(),
        }

    def read(self, knobs: Iterable[str]) -> Mapping[str, Reading]:
        """Returns each knob's present value, or why it cannot be turned here; needs no rights.

        What only root may write is read all the same where we are not root: the hand will be.
        """
        return {name: self._reading(name) for name in knobs}

    def _reading(self, name: str) -> Reading:
        found = self._panel.reading(name)
        is_denied = isinstance(found, Absence) and found.reason is AbsenceReason.PERMISSION
        if not is_denied or os.geteuid() == 0:
            return found
        knob = self._panel.knob(name)
        try:
            writable = Path(knob.path).stat().st_mode & stat.S_IWUSR
            return value_of(knob, self._panel.read(knob)[knob.member]) if writable else found
        except (OSError, ValueError):
            return found

    @contextmanager
    def applied(self, config: Config) -> Iterator[HostPlace]:
        """Applies a config to this machine for the length of the block.

        Raises:
            HandError: a knob was refused; or, on leaving, somebody else changed one (kind "interference").
            TargetError: we may not turn knobs here, or another study does (its name is in the message).
            RunFailed: memory ran low, so the programs were ended (kind "guard").
        """
        with ExitStack() as stack:
            if config or self._study:
                stack.enter_context(self._hired().applied(config, LEASE_S))
            warden = self._employed()
            place = HostPlace(warden)
            stack.callback(place.end_programs)
            try:
                yield place
            except RunFailed as error:
                if trouble := warden.trouble():
                    raise RunFailed(trouble, kind="guard", tail=error.tail) from error
                raise

    def _hired(self) -> Hand:
        if self._hand is None:
            self._hand = self._stack.enter_context(hand_for(self._journal_dir, self._study))
        return self._hand

    def _employed(self) -> Warden:
        if self._warden is None:
            user = account.ordinary(self._options.account)
            reserve = self._options.reserve_mib << 20
            terms = Terms(str(self._options.directory), user.uid, user.gid, user.name, reserve)
            self._warden = self._stack.enter_context(Warden(terms))
        return self._warden
