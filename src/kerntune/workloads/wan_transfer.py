"""The workload wan_transfer: how fast much data gets to the other end of a long path."""

import math
from collections.abc import Mapping

from pydantic import Field

from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.conversation import converse
from kerntune.workloads.options import Options, check


class TransferOptions(Options):
    """Seconds of sending, and connections used side by side."""

    duration_s: float = Field(3.0, gt=0.0, le=600.0)
    streams: int = Field(1, ge=1, le=64)


class WanTransfer:
    """Bulk TCP transfer over the link: throughput at the receiver, share of the link's rate, retransmits.

    The client sends zeros for `duration_s` seconds over `streams` connections and closes them; the server
    counts what arrived and the seconds from the start to the last byte, so data that waits in a queue or a
    send buffer counts only once it is there. Retransmitted segments are the sender's own count
    (tcpi_total_retrans of TCP_INFO). Slow start is part of the run: short runs show it, as short files do.
    """

    name = "wan_transfer"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(TransferOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and half a minute for a machine that is busy."""
        return 2 * self._options.duration_s + 30.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:
        """Returns throughput (at most the link's rate), share of the link if it has a rate, retransmits."""
        rate_bps = _rate_bps(link)
        share = [MetricSpec("link_share", "fraction", Direction.MAXIMIZE, 1.0)] if rate_bps else []
        return (
            MetricSpec("throughput", "Mbit/s", Direction.MAXIMIZE, rate_bps / 1e6 if rate_bps else None),
            *share,
            MetricSpec("retransmits", "segments", Direction.MINIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Transfers once and returns the metrics.

        Raises:
            RunFailed: an end of the transfer failed or did not end in time.
            MetricError: a figure is missing or not finite.
        """
        printed = converse(place, "transfer", self._options.model_dump(), deadline_s)
        specs = self.metrics(place.link)
        wanted = [Wanted(spec, spec.name) for spec in specs if spec.name != "link_share"]
        found = {metric.name: metric for metric in read(READERS["lines"], printed, wanted)}
        if rate_bps := _rate_bps(place.link):
            share = found["throughput"].value * 1e6 / rate_bps
            found["link_share"] = Metric("link_share", share, "fraction", Direction.MAXIMIZE)
        return tuple(found[spec.name] for spec in specs)


def _rate_bps(link: Link | None) -> float | None:
    """Returns the link's rate, None where nothing but the machine limits it."""
    return link.rate_bps if link and math.isfinite(link.rate_bps) else None
