"""The emulated link, on the real kernel: delay, loss, bandwidth, and what the tuner is told of it."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from kerntune.catalog import Catalog
from kerntune.errors import TargetError
from kerntune.interfaces import Place
from kerntune.targets.netns import NetnsTarget, open_target
from kerntune.testing.target import PATIENCE_S, Output, running

pytestmark = pytest.mark.root

ECHO = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    port.bind(("0.0.0.0", 5002))
    print("ready", flush=True)
    while True:
        data, sender = port.recvfrom(2048)
        port.sendto(data, sender)
"""

PING = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    port.settimeout(float(sys.argv[3]))
    for number in range(int(sys.argv[2])):
        began = time.monotonic()
        port.sendto(b"x", (sys.argv[1], 5002))
        try:
            port.recv(2048)
            print(time.monotonic() - began)
        except TimeoutError:
            print("lost")
"""

SINK = """
import socket, time
with socket.create_server(("0.0.0.0", 5001)) as listener:
    print("ready", flush=True)
    peer, _ = listener.accept()
    buffer, total, began = bytearray(1 << 20), 0, time.monotonic()
    while count := peer.recv_into(buffer):
        total += count
    print("mbit", total * 8 / (time.monotonic() - began) / 1e6, flush=True)
"""

SOURCE = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 5001)) as peer:
    data, end = bytes(1 << 20), time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        peer.send(data)
"""

DOWN = """
import fcntl, socket, struct
SIOCSIFFLAGS = 0x8914
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    fcntl.ioctl(port, SIOCSIFFLAGS, struct.pack("16sH14x", b"eth0", 0))
"""


@contextmanager
def opened(options: dict[str, object], journal: Path, catalog: Catalog) -> Iterator[NetnsTarget]:
    """Opens a target with a forwarder, whatever else this kernel has."""
    with open_target({"emulator": "forwarder", **options}, journal_dir=journal, catalog=catalog) as target:
        yield target


@contextmanager
def python(place: Place, host: str, script: str, *arguments: object) -> Iterator[Output]:
    """Runs a Python script on a host."""
    words = [sys.executable, "-c", script, *map(str, arguments)]
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    with running(place, f"exec {quoted}", host) as output:
        yield output


def round_trips(place: Place, count: int, patience_s: float) -> list[str]:
    """Returns what became of so many datagrams to the server and back."""
    server = place.address("server")
    with python(place, "server", ECHO) as echo:
        echo.read(until="ready")
        with python(place, "client", PING, server, count, patience_s) as ping:
            return ping.read().split()


def throughput(target: NetnsTarget, config: dict[str, int | str], seconds: float) -> float:
    """Returns the Mbit/s of one bulk transfer."""
    with target.applied(config) as place, python(place, "server", SINK) as sink:
        sink.read(until="ready")
        with python(place, "client", SOURCE, place.address("server"), seconds) as source:
            assert source.process.wait(PATIENCE_S) == 0, source.read()
        return float(sink.read().split()[-1])


def test_no_datagram_is_faster_than_the_link(target: NetnsTarget) -> None:
    """A round trip takes the ten milliseconds that were asked for, or more."""
    with target.applied({}) as place:
        times = round_trips(place, 20, 5.0)

    assert len(times) == 20
    assert min(map(float, times)) >= 0.010


def test_bigger_buffers_carry_more_over_a_long_link(journal: Path, catalog: Catalog) -> None:
    """The sender's buffer limits a long path: 1 MiB at 200 ms, on a link slow enough for a busy machine."""
    with opened({"rate_mbit": 100, "rtt_ms": 200}, journal, catalog) as target:
        small = throughput(target, {"net.ipv4.tcp_wmem:max": 1 << 20}, 3.0)
        large = throughput(target, {"net.ipv4.tcp_wmem:max": 16 << 20}, 3.0)

    assert large > 1.5 * small


def losing(journal: Path, catalog: Catalog) -> AbstractContextManager[NetnsTarget]:
    """Opens a target whose link loses three frames in ten each way."""
    return opened({"rtt_ms": 1, "loss": 0.3, "seed": 5}, journal, catalog)


def test_frames_are_lost_as_asked_for(journal: Path, catalog: Catalog) -> None:
    """Three frames in ten are lost each way; every datagram that is missing was counted as lost."""
    with losing(journal, catalog) as target, target.applied({}) as place:
        before = place.network_counters()
        fates = round_trips(place, 60, 0.15)
        after = place.network_counters()

    lost = sum(after[name] - before[name] for name in ("link.client.lost", "link.server.lost"))
    assert 0.2 < fates.count("lost") / len(fates) < 0.8
    assert lost >= fates.count("lost")


def test_every_pair_of_hosts_loses_others(journal: Path, catalog: Catalog) -> None:
    """The seed makes a study repeatable; it does not make every run lose the same frames."""
    with losing(journal, catalog) as target:
        fates = []
        for _ in range(2):
            with target.applied({}) as place:
                fates.append([fate == "lost" for fate in round_trips(place, 30, 0.05)])

    assert fates[0] != fates[1]


def test_a_full_queue_drops_and_tells(journal: Path, catalog: Catalog) -> None:
    """More than the link carries is dropped by its queue, which is no overrun: that is what links do."""
    narrow = opened({"rate_mbit": 20, "rtt_ms": 10, "queue_mb": 0.1}, journal, catalog)
    with ExitStack() as stack:
        place = stack.enter_context(stack.enter_context(narrow).applied({"net.ipv4.tcp_wmem:max": 64 << 20}))
        sink = stack.enter_context(python(place, "server", SINK))
        sink.read(until="ready")
        source = stack.enter_context(python(place, "client", SOURCE, place.address("server"), 0.7))
        source.process.wait(PATIENCE_S)
        counts = place.network_counters()

    assert counts["link.client.queue_drops"] > 0
    assert counts["link.client.overruns"] == 0


def test_frames_that_were_not_carried_make_the_run_invalid(target: NetnsTarget) -> None:
    """The server's device goes down in mid-run: the forwarder cannot deliver, and the run does not count."""
    with ExitStack() as stack:
        place = stack.enter_context(target.applied({}))
        with python(place, "server", DOWN) as down:
            assert down.process.wait(PATIENCE_S) == 0, down.read()
        with python(place, "client", PING, place.address("server"), 1, 0.2) as ping:
            ping.read()

        with pytest.raises(TargetError, match="could not keep up"):
            stack.close()


def test_a_direct_link_has_nothing_between_the_hosts(journal: Path, catalog: Catalog) -> None:
    """Without an emulator a round trip is as short as the machine makes it, and nothing forwards."""
    with opened({"emulator": "none"}, journal, catalog) as target, target.applied({}) as place:
        times = round_trips(place, 20, 5.0)
        counters = place.network_counters()

    assert len(times) == 20
    assert min(map(float, times)) < 0.005
    assert place.link is not None
    assert place.link.emulator == "none"
    assert not any(name.startswith("link.") for name in counters)
