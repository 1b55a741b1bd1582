"""The workload hackbench: crowds of processes that send each other small messages."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need


class HackbenchOptions(Options):
    """Groups of 20 senders and 20 receivers, messages from each to each, and what the tasks are."""

    groups: int = Field(4, ge=1, le=1000)
    loops: int = Field(500, ge=1, le=10_000_000)
    tasks: Literal["processes", "threads"] = "processes"
    channel: Literal["socket", "pipe"] = "socket"


class Hackbench:
    """Groups of 20 senders and 20 receivers of small messages (hackbench): seconds until all have arrived.

    A group passes `400 * loops` messages of 100 bytes. Making the processes is not in the time.
    """

    name = "hackbench"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(HackbenchOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """A minute, and 50 us a message: a machine ten times slower than those it was tried on."""
        return 60.0 + 400 * self._options.groups * self._options.loops * 50e-6

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the seconds from the first message to the last."""
        return (MetricSpec("duration", "s", Direction.MINIMIZE),)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs hackbench once and returns its time.

        Raises:
            RunFailed: it is not installed, failed, or did not end in time.
            MetricError: it printed no time, or none that is finite.
        """
        argv = [need("hackbench"), "-g", str(self._options.groups), "-l", str(self._options.loops)]
        argv += ["--threads"] * (self._options.tasks == "threads")
        argv += ["--pipe"] * (self._options.channel == "pipe")
        completed = execute(place, place.hosts[0], argv, deadline_s=deadline_s)
        (duration,) = self.metrics(place.link)
        return read(READERS["hackbench"], completed.stdout, [Wanted(duration, "time")])
