"""The workload udp_bursts: which share of datagrams sent in bursts reaches the program at the other end."""

from collections.abc import Mapping

from pydantic import Field

from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.conversation import converse
from kerntune.workloads.options import Options, check


class BurstOptions(Options):
    """Seconds; datagrams of a burst, their size and the seconds between bursts' starts; sockets; pauses."""

    duration_s: float = Field(3.0, gt=0.0, le=600.0)
    burst: int = Field(800, ge=1, le=100_000)
    datagram_bytes: int = Field(1000, ge=16, le=65_507)
    every_s: float = Field(0.3, ge=0.0, le=60.0)
    flows: int = Field(8, ge=1, le=1024)
    pause_s: float = Field(0.002, ge=0.0, le=10.0)


class UdpBursts:
    """Bursts of datagrams to a receiver that pauses: the share that is delivered, counted by number.

    Every `every_s` seconds the client sends `burst` datagrams, in turn from `flows` sockets. The receiver
    waits for a datagram, is busy with something else for `pause_s` seconds, and takes in what came
    meanwhile, so its socket's buffer must hold what arrives in a pause. The first burst meets a neighbour
    whose link address is not known yet; what does not fit into the queue for it is lost. In a network
    namespace the socket's buffer cannot be enlarged (rmem_default and rmem_max are the host's), the queue
    for unknown neighbours can. Meant for a link of 100 Mbit/s and 20 ms: a faster one fills the buffer
    within the pause whatever the config.
    """

    name = "udp_bursts"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(BurstOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and half a minute for a machine that is busy."""
        return 2 * self._options.duration_s + 30.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the share that was delivered, the share that was lost, and what arrived in a second."""
        return (
            MetricSpec("delivered_share", "fraction", Direction.MAXIMIZE, 1.0),
            MetricSpec("loss", "fraction", Direction.MINIMIZE),
            MetricSpec("received", "1/s", Direction.MAXIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Sends for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: an end of the conversation failed or did not end in time.
            MetricError: a figure is missing or not finite.
        """
        printed = converse(place, "bursts", self._options.model_dump(), deadline_s)
        return read(READERS["lines"], printed, [Wanted(spec, spec.name) for spec in self.metrics(place.link)])
