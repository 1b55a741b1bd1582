"""The target `netns` as the study sees it: a fresh pair of hosts for every config, and nothing left of it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from kerntune.catalog import Catalog
from kerntune.errors import HandError, TargetError
from kerntune.hand.client import Hand
from kerntune.interfaces import Link
from kerntune.model.knob import Absence, AbsenceReason, Config, Reading, Scope
from kerntune.targets.netns import tally
from kerntune.targets.netns.client import Keeper
from kerntune.targets.netns.hosts import DEVICE, HOSTS
from kerntune.targets.netns.options import Options, parse
from kerntune.targets.netns.place import NetnsPlace

_COUNTER_FILES = 2

_OWN_SETTINGS = "/proc/sys/net/"
"""Where a sandbox has values of its own. Everything else it sees is the machine's, /sys above all."""


@contextmanager
def open_target(
    options: Mapping[str, object],
    *,
    journal_dir: Path,
    catalog: Catalog,
    study: str = "",  # noqa: ARG001 - who tunes a sandbox disturbs nobody
) -> Iterator["NetnsTarget"]:
    """Opens the target for the length of the block.

    `journal_dir` is only the place where a private directory in memory is mounted, seen by nobody outside:
    journals of a sandbox die with it, and can never be taken for the machine's.

    Raises:
        PlanError: with every option that is wrong.
        TargetError: this machine allows no sandbox; it says what is missing and how to get it.
    """
    wanted = parse(options)
    journal_dir.mkdir(parents=True, exist_ok=True)
    with Keeper(journal_dir) as keeper:
        yield NetnsTarget(keeper, wanted, catalog)


@dataclass(frozen=True, slots=True)
class _Raised:
    """A pair of hosts as the tuner holds it."""

    number: int
    hands: tuple[Hand, ...]
    place: NetnsPlace
    shared: mmap | None


class NetnsTarget:
    """Two hosts joined by an emulated link, made anew for every config."""

    def __init__(self, keeper: Keeper, options: Options, catalog: Catalog) -> None:
        self._keeper = keeper
        self._catalog = catalog
        self._seed = options.seed
        self._raised = 0
        self.link: Link = emulated(keeper, options)

    @property
    def name(self) -> str:
        """The registered name."""
        return "netns"

    @property
    def devices(self) -> Mapping[str, tuple[str, ...]]:
        """The device of each host that leads to the other one."""
        return {"device": (DEVICE,)}

    def read(self, knobs: Iterable[str]) -> Mapping[str, Reading]:
        """Returns each knob's value on fresh hosts, or why it cannot be turned there.

        Raises:
            TargetError: the sandbox is broken.
        """
        wanted = list(knobs)
        readings = {name: absence for name in wanted if (absence := self._out_of_reach(name))}
        within = [name for name in wanted if name not in readings]
        with self._pair() as pair:
            found = [hand.read(within, probe=True) for hand in pair.hands]
        return readings | {name: agreed([reading[name] for reading in found]) for name in within}

    @contextmanager
    def applied(self, config: Config) -> Iterator[NetnsPlace]:
        """Applies a config to both hosts of a fresh pair for the length of the block.

        Raises:
            HandError: a knob was refused, or, on leaving, somebody else changed one (kind "interference").
            TargetError: the sandbox is broken, or the link could not be carried as asked for.
        """
        for name in config:
            if absence := self._out_of_reach(name):
                msg = f"cannot turn {name} in a sandbox: {absence.detail}"
                raise HandError(msg, knob=name, kind="absent", hint="leave it out of the plan")
        with self._pair() as pair, ExitStack() as stack:
            for hand in pair.hands:
                stack.enter_context(hand.applied(config))
            stack.callback(self._check_link, pair)
            stack.callback(pair.place.end_programs)
            yield pair.place

    @contextmanager
    def _pair(self) -> Iterator[_Raised]:
        self._raised += 1
        number = self._raised
        files = self._keeper.raise_pair(number, self.link, self._seed + number)
        with ExitStack() as stack:
            stack.callback(self._keeper.lower, number)
            yield self._held(number, files, stack)

    def _held(self, number: int, files: tuple[int, ...], stack: ExitStack) -> _Raised:
        """Returns the pair whose open files these are; the stack closes them."""
        rest = list(files)
        shared = None
        if self.link.emulator == "forwarder":
            shared = stack.enter_context(_mapped(rest.pop(0)))
        hands, counters = [], {}
        for host in HOSTS:
            counters[host] = tuple(rest[:_COUNTER_FILES])
            replies, requests = rest[_COUNTER_FILES : _COUNTER_FILES + 2]
            del rest[: _COUNTER_FILES + 2]
            for file in counters[host]:
                stack.callback(os.close, file)
            hands.append(stack.enter_context(Hand(replies, requests)))
        place = NetnsPlace(self._keeper, number, self.link, counters, shared)
        return _Raised(number, tuple(hands), place, shared)

    def _check_link(self, pair: _Raised) -> None:
        if pair.shared is None:
            return
        if not self._keeper.settle(pair.number):
            msg = "the link broke: its forwarder was ended from outside"
            raise TargetError(msg)
        if overruns := tally.overruns(tally.read(pair.shared)):
            msg = f"the link could not keep up: {overruns} frames were lost that it should have carried"
            raise TargetError(msg, hint="lower the option rate_mbit, or run less beside it")

    def _out_of_reach(self, name: str) -> Absence | None:
        knob = self._catalog.find(name)
        if knob is not None and (knob.scope is Scope.GLOBAL or not knob.path.startswith(_OWN_SETTINGS)):
            return Absence(AbsenceReason.NAMESPACE, "there is one for the whole machine")
        return None


def emulated(keeper: Keeper, options: Options) -> Link:
    """Returns the link that the options ask for, with the emulator that this kernel allows.

    Raises:
        TargetError: netem was asked for, and this kernel has none.
    """
    if options.emulator in {"forwarder", "none"}:
        return options.link(options.emulator)
    reason = keeper.emulator(options.link("netem"))
    if reason and options.emulator == "netem":
        raise TargetError(reason, hint="load sch_netem and bridge, or choose the emulator forwarder")
    return options.link("forwarder" if reason else "netem")


def agreed(readings: list[Reading]) -> Reading:
    """Returns what all hosts say of a knob; a knob that one of them lacks, or that differs, has no value."""
    first = readings[0]
    for reading in readings:
        if isinstance(reading, Absence):
            return reading
        if reading != first:
            detail = f"the hosts differ: {', '.join(str(value) for value in readings)}"
            return Absence(AbsenceReason.UNKNOWN, detail)
    return first


@contextmanager
def _mapped(file: int) -> Iterator[mmap]:
    with mmap(file, tally.SIZE, access=ACCESS_READ) as shared:
        os.close(file)
        yield shared
