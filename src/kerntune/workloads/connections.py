"""The workload connections: how many short connections one host can make to one service in a second."""

from collections.abc import Mapping

from pydantic import Field

from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.conversation import converse
from kerntune.workloads.options import Options, check


class ConnectionOptions(Options):
    """Seconds, and connections open at once."""

    duration_s: float = Field(3.0, gt=0.0, le=600.0)
    at_once: int = Field(64, ge=2, le=1024)


class Connections:
    """Many short connections, one after the other, the client closes first: how many a second.

    Two processes hold `at_once` connections together: each opens its share, sends a word on every one, reads
    every answer, closes them all, and begins again until `duration_s` seconds are over. As the client closes
    first, its ports wait in TIME_WAIT for 60 s; when none is left it tries again 2 ms later, counted as
    refused. A run can only show the effect of the port range and of reuse if it uses the ports up: 28,000 by
    default. Meant for hosts that are joined directly: an emulator would set the pace.
    """

    name = "connections"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(ConnectionOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and half a minute for a machine that is busy."""
        return 2 * self._options.duration_s + 30.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the connections a second, and the attempts that got no port."""
        return (
            MetricSpec("connections", "1/s", Direction.MAXIMIZE),
            MetricSpec("refused", "count", Direction.MINIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Connects for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: an end of the conversation failed or did not end in time.
            MetricError: a figure is missing or not finite.
        """
        printed = converse(place, "connections", self._options.model_dump(), deadline_s)
        return read(READERS["lines"], printed, [Wanted(spec, spec.name) for spec in self.metrics(place.link)])
