"""The network workloads between two real hosts, and what happens when the other end is not ours."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import kerntune.workloads
from kerntune.errors import PlanError, RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link
from kerntune.model.trial import FailureKind
from kerntune.testing.local import LocalPlace
from kerntune.workloads.connections import Connections
from kerntune.workloads.conversation import converse
from kerntune.workloads.udp_bursts import UdpBursts
from kerntune.workloads.wan_requests import WanRequests
from kerntune.workloads.wan_transfer import WanTransfer

LOAD = Path(kerntune.workloads.__file__).with_name("load")
NONCE = "00112233445566778899aabbccddeeff"
CLIENTS = {
    "transfer": {"streams": 1, "duration_s": 0.1},
    "requests": {"connections": 1, "duration_s": 0.1, "idle_s": 0.01, "reuse": True}
    | {"request_bytes": 16, "response_bytes": 16},
    "connections": {"at_once": 2, "duration_s": 0.1},
    "bursts": {"flows": 1, "duration_s": 0.05, "every_s": 0.01, "burst": 1, "datagram_bytes": 16},
}


@pytest.fixture
def stranger():
    """A server that is not ours: it answers whatever it is told, and takes datagrams too."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as inlet:
        inlet.bind(listener.getsockname())

        def answer():
            while True:
                try:
                    peer, _ = listener.accept()
                    while peer.recv(64):
                        peer.sendall(b"s" * 64)
                except ConnectionError:
                    pass
                except OSError:
                    return
                peer.close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("load", CLIENTS)
def test_a_server_left_over_from_before_is_not_measured(load, stranger):
    """A client that is answered by another program fails and gives no figures."""
    told = {**CLIENTS[load], "address": "127.0.0.1", "port": stranger, "nonce": NONCE}
    settings = [f"{name}={value}" for name, value in told.items()]

    done = subprocess.run(
        [sys.executable, "-I", "-S", LOAD / f"{load}.py", "client", *settings],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert not done.stdout


def test_a_server_that_cannot_start_fails_the_run():
    """With what it said."""

    class Elsewhere(LocalPlace):
        def address(self, host):
            return "192.0.2.1"  # nobody's: RFC 5737

    with pytest.raises(RunFailed, match="ended before it printed a line") as caught:
        converse(Elsewhere(), "transfer", {"streams": 1, "duration_s": 0.1}, 20)

    assert caught.value.kind == FailureKind.EXIT
    assert "Cannot assign requested address" in caught.value.tail


def test_a_client_that_fails_shows_what_both_printed():
    """The cause may stand at the other end."""
    with pytest.raises(RunFailed, match="exited with status 1") as caught:
        converse(LocalPlace(), "transfer", {"streams": 1}, 20)

    assert "KeyError: 'duration_s'" in caught.value.tail
    assert "the server printed:\nport: " in caught.value.tail


@pytest.mark.parametrize("make", [WanTransfer, WanRequests, Connections, UdpBursts])
def test_all_faults_of_the_options_are_told_at_once(make):
    """Wrong types, values out of range, and names that do not exist."""
    with pytest.raises(PlanError) as caught:
        make({"duration_s": -1.0, "speed": 1, "nonsense": "x"})

    assert {fault.field for fault in caught.value.faults} == {"duration_s", "speed", "nonsense"}


def test_a_duration_in_words_is_a_fault():
    """Nothing is converted: a plan says what it means."""
    with pytest.raises(PlanError, match="duration_s"):
        WanTransfer({"duration_s": "3"})


def test_limits_come_from_the_link():
    """No transfer is faster than the link, no answer than light on it."""
    link = Link(rate_bps=1e9, delay_s=0.04, loss=0.0, queue_bytes=1, mtu=9000, emulator="forwarder")

    transfer = {spec.name: spec.ceiling for spec in WanTransfer().metrics(link)}
    requests = {spec.name: spec.ceiling for spec in WanRequests({"response_bytes": 125_000}).metrics(link)}

    assert transfer == {"throughput": 1000.0, "link_share": 1.0, "retransmits": None}
    assert requests == {
        "p50_latency": pytest.approx(81.0),
        "p99_latency": pytest.approx(81.0),
        "requests": None,
    }


def figures(workload, place):
    return {metric.name: metric.value for metric in workload.run(place, 60)}


@pytest.mark.root
def test_a_transfer_counts_what_the_receiver_got(opened):
    """Over a link of 20 Mbit/s a transfer cannot be faster; its share says the same."""
    with opened(rate_mbit=20.0, rtt_ms=10.0) as target, target.applied({}) as place:
        found = figures(WanTransfer({"duration_s": 1.0}), place)

    assert 0.5 < found["throughput"] <= 20.0
    assert found["link_share"] == pytest.approx(found["throughput"] / 20.0)


@pytest.mark.root
def test_segments_sent_twice_are_counted(opened):
    """A link that loses packets makes a sender repeat them."""
    with opened(rate_mbit=50.0, rtt_ms=4.0, loss=0.02) as target, target.applied({}) as place:
        found = figures(WanTransfer({"duration_s": 1.0}), place)

    assert found["retransmits"] > 0


@pytest.mark.root
def test_latency_holds_the_round_trip_and_new_connections_a_second_one(opened):
    """A kept connection is answered after one round trip, a new one after two."""
    short = {"duration_s": 0.6, "idle_s": 0.01, "connections": 4, "response_bytes": 100}
    with opened(rtt_ms=30.0) as target:
        with target.applied({}) as place:
            kept = figures(WanRequests(short), place)
        with target.applied({}) as place:
            new = figures(WanRequests({**short, "reuse": False}), place)

    assert 30.0 <= kept["p50_latency"] < 55.0
    assert new["p50_latency"] >= 60.0
    assert kept["p50_latency"] <= kept["p99_latency"]


@pytest.mark.root
def test_fast_open_is_used_where_both_ends_allow_it(opened):
    """Its round trip is saved, which shows that the config acts on the sockets of the run."""
    options = {"duration_s": 0.6, "idle_s": 0.01, "connections": 4, "response_bytes": 100, "reuse": False}
    with (
        opened(rtt_ms=30.0) as target,
        target.applied({"net.ipv4.tcp_fastopen": 3}) as place,
    ):
        found = figures(WanRequests(options), place)

    assert 30.0 <= found["p50_latency"] < 55.0


@pytest.mark.root
def test_connections_without_a_port_are_refused_and_tried_again(opened):
    """A hundred ports are used up at once, and wait for a minute."""
    narrow = "echo 40000 40099 > /proc/sys/net/ipv4/ip_local_port_range"  # less than the catalogue offers
    with opened(emulator="none") as target, target.applied({}) as place:
        execute(place, "client", ["/bin/sh", "-c", narrow], deadline_s=20)
        found = figures(Connections({"duration_s": 0.4}), place)

    assert found["refused"] > 0
    assert 0 < found["connections"] * 0.4 <= 110


@pytest.mark.root
def test_datagrams_that_do_not_fit_are_lost(opened):
    """A receiver that pauses for long loses what its buffer cannot hold; one that does not, nothing."""
    calm = {"duration_s": 0.3, "burst": 20, "every_s": 0.05, "pause_s": 0.0}
    busy = {"duration_s": 0.3, "burst": 1500, "every_s": 0.3, "pause_s": 0.3}
    room = {"net.ipv4.neigh.eth0.unres_qlen_bytes": 16777216}  # so that nothing else loses any
    with opened(rate_mbit=100.0, rtt_ms=4.0) as target:
        with target.applied({}) as place:
            whole = figures(UdpBursts(calm), place)
        with target.applied(room) as place:
            holey = figures(UdpBursts(busy), place)

    assert whole["delivered_share"] == 1.0
    assert whole["loss"] == 0.0
    assert 0.0 < holey["delivered_share"] < 0.9
    assert holey["loss"] == pytest.approx(1 - holey["delivered_share"])
