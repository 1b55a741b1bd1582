"""The seams as Protocols with one or two methods. Nothing inherits from them: match the shape."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from kerntune.model.knob import Config, Reading
from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction, Plan

NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Link:
    """The path between two hosts: bits per second, one-way delay, loss as a fraction, queue in bytes.

    A direct link (emulator "none") has no limit but the machine's: its rate is infinite, all else 0.
    """

    rate_bps: float
    delay_s: float
    loss: float
    queue_bytes: int
    mtu: int
    emulator: str  # "netem", "forwarder" or "none"


class Process(Protocol):
    """A program running on a place, in a process group of its own."""

    def wait(self, timeout_s: float) -> int | None:
        """Returns its exit status (negative: the signal that ended it), or None if it still runs."""

    def end(self) -> None:
        """Ends the whole process group, and everything it left behind, and reaps it."""


class Place(Protocol):
    """Where a workload runs: one host or two joined by a link, with a config applied."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts, the one that starts the conversation first: ("client", "server")."""

    @property
    def link(self) -> Link | None:
        """The link between the hosts, None when there is one host."""

    def address(self, host: str) -> str:
        """Returns the host's IP address as its peer reaches it."""

    def scratch(self, host: str) -> Path:
        """Returns a private directory on the host's disk, which lasts as long as the target is open.

        It belongs to the account that programs run as.
        """

    def start(
        self, argv: Sequence[str], host: str, stdout: int, stderr: int, *, privileged: bool = False
    ) -> Process:
        """Starts a program on a host; `stdout` and `stderr` are open file descriptors of the caller.

        Programs run as an ordinary account even where we are root; with `privileged` as who we are: for the
        user's own commands and for kerntune's own, whose interpreter others may not be allowed to read.
        """

    def network_counters(self) -> Mapping[str, float]:
        """Returns each host's cumulative /proc/net counters, named `client.Tcp.RetransSegs`."""


class Target(Protocol):
    """Where trials run. Opened by a context manager; leaving it leaves no trace."""

    @property
    def name(self) -> str:
        """The registered name: "netns"."""

    @property
    def devices(self) -> Mapping[str, tuple[str, ...]]:
        """What fills the marks in the names of knobs: {"device": ("eth0",), "disk": ("vda",)}."""

    def read(self, knobs: Iterable[str]) -> Mapping[str, Reading]:
        """Returns each knob's present value, or why it cannot be turned here."""

    def applied(self, config: Config) -> AbstractContextManager[Place]:
        """Applies a config for the length of the block; leaving it undoes everything, newest first.

        Raises:
            HandError: a knob was refused (everything already written is back), or, on leaving, somebody
                else changed a knob meanwhile (kind "interference").
        """


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric a workload gives; `ceiling` is its physical limit on the present place, if known."""

    name: str
    unit: str
    direction: Direction
    ceiling: float | None = None


class Workload(Protocol):
    """The program whose speed the user cares about, and how its numbers are read."""

    @property
    def name(self) -> str:
        """The registered name: "wan_transfer"."""

    @property
    def longest_s(self) -> float:
        """Seconds after which a run has failed: it cannot end well any more."""

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:
        """Returns the metrics every run gives, with the limits that this link puts on them."""

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs once and returns its metrics.

        Raises:
            RunFailed: it exited non-zero, did not end within the deadline, or could not start.
            MetricError: a metric is missing, ambiguous or not finite.
        """


@runtime_checkable
class Prepares(Protocol):
    """A workload whose runs share something that takes long to make: data, a database cluster."""

    def prepare(self, place: Place) -> None:
        """Makes it in the place's scratch directory; called once for each target that is opened, first.

        Raises:
            RunFailed: it cannot be made, with the end of the log.
            WorkloadError: a program is missing; the hint names the package that brings it.
        """


class Optimizer(Protocol):
    """A search over the unit cube. Higher scores are better; it never sees a knob."""

    def ask(self) -> tuple[float, ...]:
        """Returns the next point to try, one coordinate in [0, 1] for each axis."""

    def tell(self, point: Sequence[float], score: float, telemetry: Mapping[str, float] = NOTHING) -> None:
        """Takes the score of a point, its own or somebody else's; failed points come with a penalty.

        `telemetry` is what the kernel counted during the point's runs, as a share of what it counted during
        their neighbours at the reference config. Few optimizers look at it.
        """


class Planner(Protocol):
    """Turns the user's sentence into a plan."""

    def plan(self, goal: str) -> Plan:
        """Returns the plan for a sentence.

        Raises:
            UnclearGoal: two or three plans are equally likely; they are attached.
            InputError: no plan fits at all.
        """


class Rig(Protocol):
    """Where configs are compared: a target with a workload on it, or a simulation of one."""

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        """Runs both configs, neighbours in time, and returns their samples.

        Raises:
            KerntuneError: any failure of a run, a guard, the hand or the target.
        """

    def sample(self, config: Config) -> Sample:
        """Runs one config once: a warm-up."""
