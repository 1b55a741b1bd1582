"""How long the sandbox takes, and how true its link is.

Measures on the real kernel, and prints n, the median and its 95 % interval (order statistics) of

- raise + lower: entering and leaving `applied` with nothing applied, and with a config of eight knobs
- program: starting `true` on a host until it runs, and ending it
- round trip: a datagram there and back on an idle link, with what it took beyond the 80 ms asked for
- rate: what the link carried in the last second of a bulk transfer, next to the 1 Gbit/s asked for
- throughput of a transfer of three seconds, default next to tcp_wmem of 64 MB, taken in turns
- CPU: what the forwarder uses while the link is idle, and in the last second of the transfer

Exits 1 if raise + lower with eight knobs takes more than 100 ms. Usage: python benchmarks/sandbox.py [rounds]
"""

import math
import os
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kerntune.catalog import load
from kerntune.targets.netns import NetnsTarget, open_target

LIMIT_S = 0.100
EIGHT: Mapping[str, int] = {
    "net.ipv4.tcp_wmem:max": 64 << 20,
    "net.ipv4.tcp_rmem:max": 64 << 20,
    "net.ipv4.tcp_fin_timeout": 20,
    "net.ipv4.tcp_notsent_lowat": 1 << 20,
    "net.ipv4.tcp_slow_start_after_idle": 0,
    "net.ipv4.tcp_max_syn_backlog": 8192,
    "net.core.somaxconn": 8192,
    "net.ipv4.tcp_limit_output_bytes": 5 << 20,
}
ECHO = """
import socket
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("0.0.0.0", 5002))
print("ready", flush=True)
while True:
    data, sender = port.recvfrom(2048)
    port.sendto(data, sender)
"""
PING = """
import socket, sys, time
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.settimeout(5)
port.connect((sys.argv[1], 5002))
for number in range(int(sys.argv[2]) + 1):
    began = time.perf_counter()
    port.send(b"x")
    port.recv(16)
    if number:  # the first one waits for the address of the other host
        print(time.perf_counter() - began)
"""
SINK = """
import socket, time
listener = socket.create_server(("0.0.0.0", 5001))
print("ready", flush=True)
peer, _ = listener.accept()
buffer, total, began = bytearray(1 << 20), 0, time.monotonic()
while count := peer.recv_into(buffer):
    total += count
print(total * 8 / (time.monotonic() - began) / 1e6)
"""
SOURCE = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], 5001))
data, end = bytes(1 << 20), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    peer.send(data)
"""


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Returns the 95 % interval of the median: the order statistics that the binomial law allows."""
    ordered, count = sorted(values), len(values)
    below, rank = 0.0, 0
    while below + math.comb(count, rank) / 2**count <= 0.025:
        below += math.comb(count, rank) / 2**count
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[count - 1 - rank]


def show(what: str, values: Sequence[float], unit: str) -> None:
    low, high = interval(values)
    median = statistics.median(values)
    print(f"{what:<42} n={len(values):<4} median {median:9.3f}  [{low:.3f}, {high:.3f}] {unit}", flush=True)


def applied_s(target: NetnsTarget, config: Mapping[str, int]) -> float:
    began = time.perf_counter()
    with target.applied(config):
        entered = time.perf_counter()
        time.sleep(0.1)  # a run lies between; what the last pair left to do in the background is done by then
        left = time.perf_counter()
    return entered - began + time.perf_counter() - left


def program_s(target: NetnsTarget, rounds: int) -> list[tuple[float, float]]:
    times = []
    with target.applied({}) as place:
        for _ in range(rounds):
            began = time.perf_counter()
            process = place.start(["/bin/true"], "client", 1, 2)
            started = time.perf_counter()
            process.wait(10)
            exited = time.perf_counter()
            process.end()
            times.append((started - began, time.perf_counter() - exited))
    return times


@contextmanager
def listening(place, script: str):
    """Runs a script on the server and yields the file of what it prints, once it is ready."""
    source, sink = os.pipe()
    process = place.start([sys.executable, "-c", script], "server", sink, 2)
    os.close(sink)
    os.read(source, 64)
    try:
        yield process, source
    finally:
        process.end()
        os.close(source)


def everything(source: int) -> str:
    text = b""
    while select.select([source], [], [], 30)[0] and (data := os.read(source, 1 << 16)):
        text += data
    return text.decode()


def round_trips(target: NetnsTarget, count: int) -> list[float]:
    with ExitStack() as stack:
        place = stack.enter_context(target.applied({}))
        stack.enter_context(listening(place, ECHO))
        source, sink = os.pipe()
        argv = [sys.executable, "-c", PING, place.address("server"), str(count)]
        process = place.start(argv, "client", sink, 2)
        os.close(sink)
        times = [float(word) for word in everything(source).split()]
        os.close(source)
        process.end()
        return times


def forwarder_cpu_s() -> float:
    """Returns the CPU seconds of the one forwarder that runs under this process."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text() == "kerntune-link\n" and _is_ours(entry):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return math.nan


def _is_ours(entry: Path) -> bool:
    pid = int(entry.name)
    while pid > 1 and pid != os.getpid():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == os.getpid()


def transfer(
    target: NetnsTarget, config: Mapping[str, int], seconds: float = 3.0
) -> tuple[float, float, float]:
    """Returns the Mbit/s of a transfer, those of the link near its end, and the forwarder's CPU share."""
    with target.applied(config) as place, listening(place, SINK) as (sink, source):
        sender = place.start(
            [sys.executable, "-c", SOURCE, place.address("server"), str(seconds)], "client", 2, 2
        )
        time.sleep(seconds - 1)
        began, cpu = time.perf_counter(), forwarder_cpu_s()
        before = place.network_counters()["link.client.bytes"]
        time.sleep(0.9)
        carried = place.network_counters()["link.client.bytes"] - before
        took_s, used_s = time.perf_counter() - began, forwarder_cpu_s() - cpu
        sender.wait(30)
        sink.wait(30)
        return float(everything(source)), carried * 8 / took_s / 1e6, used_s / took_s


def idle_cpu(target: NetnsTarget, seconds: float = 3.0) -> float:
    with target.applied({}):
        time.sleep(1.0)
        before = forwarder_cpu_s()
        time.sleep(seconds)
        return (forwarder_cpu_s() - before) / seconds


def main(rounds: int) -> int:
    with ExitStack() as stack:
        journal = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        began = time.perf_counter()
        catalog = load()
        target = stack.enter_context(open_target({}, journal_dir=journal, catalog=catalog))
        opened = time.perf_counter() - began
        print(f"kernel {os.uname().release}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
        print(target.link)
        print(f"opened in {opened * 1e3:.0f} ms")
        bare, eight = [], []
        for _ in range(rounds):
            bare.append(applied_s(target, {}) * 1e3)
            eight.append(applied_s(target, EIGHT) * 1e3)
        show("raise + lower, nothing applied", bare, "ms")
        show("raise + lower, eight knobs", eight, "ms")
        programs = program_s(target, rounds)
        show("program, until it runs", [start * 1e3 for start, _ in programs], "ms")
        show("program, ending it", [end * 1e3 for _, end in programs], "ms")
        trips = [trip * 1e3 for trip in round_trips(target, 5 * rounds)]
        show("round trip", trips, "ms")
        asked = target.link.delay_s * 2e3
        show("  beyond the delay asked for", [trip - asked for trip in trips], "ms")
        late = sorted(trip - asked for trip in trips)[int(0.99 * len(trips))]
        print(f"  99th percentile beyond the delay {late:.3f} ms")
        runs = [(transfer(target, {}), transfer(target, EIGHT)) for _ in range(max(3, rounds // 4))]
        show("throughput, default", [default[0] for default, _ in runs], "Mbit/s")
        show("throughput, tcp_wmem 64 MB", [tuned[0] for _, tuned in runs], "Mbit/s")
        show("carried in the last second", [tuned[1] for _, tuned in runs], "Mbit/s")
        show("forwarder's CPU meanwhile", [tuned[2] * 100 for _, tuned in runs], "%")
        print(f"forwarder's CPU on an idle link {idle_cpu(target) * 100:.2f} %")
    return int(statistics.median(eight) > LIMIT_S * 1e3)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24))
