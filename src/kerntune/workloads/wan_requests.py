"""The workload wan_requests: how long one waits for small answers over a long path."""

from collections.abc import Mapping

from pydantic import Field

from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.conversation import converse
from kerntune.workloads.options import Options, check


class RequestOptions(Options):
    """Seconds, sizes, idle seconds between an answer and the next request, and connections side by side."""

    duration_s: float = Field(4.0, gt=0.0, le=600.0)
    request_bytes: int = Field(200, ge=16, le=1 << 20)
    response_bytes: int = Field(262144, ge=16, le=1 << 26)
    idle_s: float = Field(0.4, ge=0.0, le=60.0)
    connections: int = Field(16, ge=1, le=256)
    reuse: bool = True


class WanRequests:
    """Small requests over the link with idle gaps: p50 and p99 latency to the last byte, and their rate.

    `connections` clients each ask, read the whole answer, are idle for `idle_s` seconds and ask again, on a
    connection that is kept (`reuse`) or on a new one each time, with TCP Fast Open wherever the kernel lets
    both ends use it. A latency begins before the connection is opened, if one is. One exchange of each
    client warms up and is not counted, so a kept connection has left its slow start. Quantiles are exact
    (nearest rank) over all exchanges, about `connections * duration_s / (idle_s + latency)`: 110 with the
    default options and a round trip of 80 ms, where p99 is the second largest.
    """

    name = "wan_requests"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(RequestOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and half a minute for a machine that is busy."""
        return 2 * self._options.duration_s + 30.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:
        """Returns the median and tail latency, at best a round trip and the answer's bits, and the rate."""
        best = self._best_ms(link) or None
        return (
            MetricSpec("p50_latency", "ms", Direction.MINIMIZE, best),
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE, best),
            MetricSpec("requests", "1/s", Direction.MAXIMIZE),
        )

    def _best_ms(self, link: Link | None) -> float:
        return (2 * link.delay_s + self._options.response_bytes * 8 / link.rate_bps) * 1e3 if link else 0.0

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Asks for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: an end of the conversation failed or did not end in time.
            MetricError: there was not one answer in the time, or a figure is not finite.
        """
        printed = converse(place, "requests", self._options.model_dump(), deadline_s)
        return read(READERS["lines"], printed, [Wanted(spec, spec.name) for spec in self.metrics(place.link)])
