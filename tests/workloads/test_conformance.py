"""Every workload keeps the seam's promises, on this machine's loopback and between two hosts."""

import sys

import pytest

from kerntune.errors import RunFailed
from kerntune.interfaces import MetricSpec
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads.command import Command
from kerntune.workloads.connections import Connections
from kerntune.workloads.udp_bursts import UdpBursts
from kerntune.workloads.wan_requests import WanRequests
from kerntune.workloads.wan_transfer import WanTransfer

SHORT = [
    (WanTransfer, {"duration_s": 0.1, "streams": 2}),
    (WanRequests, {"duration_s": 0.3, "connections": 3, "idle_s": 0.02}),
    (WanRequests, {"duration_s": 0.3, "connections": 3, "idle_s": 0.02, "reuse": False}),
    (Connections, {"duration_s": 0.1}),
    (UdpBursts, {"duration_s": 0.1, "every_s": 0.05, "burst": 10}),
    (Command, {"command": "sleep 0.05; echo ops: 1", "metrics": [{"name": "ops", "direction": "maximize"}]}),
]


@pytest.mark.parametrize(("make", "options"), SHORT)
def test_a_workload_keeps_its_promises_on_one_host(make, options):
    """Server and client on the same machine, and no link to have a share of."""
    check_workload(make, options, LocalPlace(), deadline_s=60)


@pytest.mark.root
@pytest.mark.parametrize("link", [{"rate_mbit": 100.0, "rtt_ms": 10.0}, {"emulator": "none"}])
def test_workloads_keep_their_promises_between_two_hosts(opened, link):
    """Real packets between two network namespaces, over an emulated link and over none."""
    with opened(**link) as target:
        for make, options in SHORT:
            with target.applied({}) as place:
                check_workload(make, options, place, deadline_s=60)


class Broken:
    """A workload that breaks every promise."""

    name = "broken"

    def metrics(self, link):
        return (MetricSpec("a", "s", Direction.MAXIMIZE, -1.0), MetricSpec("a", "s", Direction.MINIMIZE))

    def run(self, place, deadline_s):
        place.start([sys.executable, "-c", ""], place.hosts[0], 1, 2)
        return (Metric("a", float("nan"), "s", Direction.MAXIMIZE), Metric("a", 1.0, "s", Direction.MINIMIZE))


def test_a_workload_that_breaks_its_promises_is_told_all_of_them():
    """The suite itself can fail."""
    with pytest.raises(AssertionError) as caught:
        check_workload(lambda options: Broken(), {}, LocalPlace(), deadline_s=60)

    told = str(caught.value)
    assert len(told.splitlines()) == 6
    for fault in (
        "unknown option is accepted",
        "named twice",
        "limit -1.0",
        "a is nan",
        "is not ended",
        "2 of the",
    ):
        assert fault in told


class Slow(Broken):
    """A workload that promises what it does not give, and is late for another reason than time."""

    def metrics(self, link):
        return (MetricSpec("b", "s", Direction.MAXIMIZE, 1.0),)

    def run(self, place, deadline_s):
        if deadline_s < 1:
            msg = "no"
            raise RunFailed(msg, kind="exit")
        return (Metric("b", 2.0, "s", Direction.MAXIMIZE),)


def test_a_figure_beyond_its_physical_limit_is_told():
    """And a run that fails with another reason than the deadline's."""
    with pytest.raises(AssertionError) as caught:
        check_workload(lambda options: Slow(), {}, LocalPlace(), deadline_s=60)

    assert "b is 2.0, beyond its limit of 1.0" in str(caught.value)
    assert "kind 'exit', not 'timeout'" in str(caught.value)
