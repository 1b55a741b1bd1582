"""How long one knob takes through the hand, next to starting a program for it.

Measures, interleaved, on a real kernel in a throw-away network namespace:

- steady: write + read back of one knob over the pipe, its original already on disk, five in a row
- first touch: the same for a knob whose original must reach the disk first (fsync)
- config: the same for a config of eight knobs, per knob
- program: `sysctl -w` (or `sh -c 'echo >'` where there is none), one process a knob

and prints n, the median and its 95 % interval (order statistics), in microseconds. Exits 1 if a steady knob
takes more than 200 µs. Usage: python benchmarks/hand_latency.py [rounds]
"""

import ctypes
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kerntune.hand.client import Hand

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LIMIT_US = 200.0
BURST = 5  # applies in a row between two programs, whose start leaves cold caches behind
KNOB, PATH = "net.ipv4.tcp_fin_timeout", "/proc/sys/net/ipv4/tcp_fin_timeout"
EIGHT = {
    "net.ipv4.tcp_wmem:max": (5 << 20, 6 << 20),
    "net.ipv4.tcp_rmem:max": (7 << 20, 8 << 20),
    "net.ipv4.tcp_fin_timeout": (20, 21),
    "net.ipv4.tcp_notsent_lowat": (1 << 20, 2 << 20),
    "net.ipv4.tcp_slow_start_after_idle": (0, 1),
    "net.ipv4.tcp_max_syn_backlog": (2048, 4096),
    "net.core.somaxconn": (8192, 16384),
    "net.ipv4.tcp_limit_output_bytes": (5 << 20, 6 << 20),
}


def move_to_throwaway_namespace() -> None:
    """Moves this process into a user and network namespace of its own."""
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET):
        sys.exit(f"no user and network namespaces here: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    act()
    return (time.perf_counter_ns() - began) / 1000


def program(value: int) -> list[str]:
    found = shutil.which("sysctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return [found, "-q", "-w", f"{KNOB}={value}"] if found else ["/bin/sh", "-c", f"echo {value} > {PATH}"]


def measure(rounds: int, hand: Hand, journals: Path) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {"steady": [], "first touch": [], "config": [], "program": []}
    hand.apply({name: values[1] for name, values in EIGHT.items()})
    for number in range(rounds):
        value = 20 + number % 20
        for step in range(BURST):
            times["steady"].append(timed(lambda: hand.apply({KNOB: value + 1 + step})))  # noqa: B023
            hand.undo(keep=1)
        config = {name: values[0] for name, values in EIGHT.items()}
        times["config"].append(timed(lambda: hand.apply(config)) / len(config))  # noqa: B023 - called at once
        hand.undo(keep=1)
        argv = program(value)
        times["program"].append(timed(lambda: subprocess.run(argv, check=True)))  # noqa: B023
        with Hand.spawn(journals) as fresh:
            times["first touch"].append(timed(lambda: fresh.apply({KNOB: value + 3})))  # noqa: B023
    return times


def summary(times: list[float]) -> tuple[float, float, float]:
    """Returns the median and its 95 % interval from order statistics (binomial, normal approximation)."""
    ordered, n = sorted(times), len(times)
    reach = 1.96 * math.sqrt(n) / 2
    low, high = max(0, math.floor(n / 2 - reach)), min(n - 1, math.ceil(n / 2 + reach))
    return ordered[n // 2], ordered[low], ordered[high]


def main(rounds: int) -> int:
    move_to_throwaway_namespace()
    with tempfile.TemporaryDirectory() as folder:
        journals = Path(folder) / "journal"
        with Hand.spawn(journals) as hand:
            times = measure(rounds, hand, journals)
    print(f"one knob, written and read back, µs (kernel {os.uname().release}; program: {program(20)[0]})")
    for name, found in times.items():
        median, low, high = summary(found)
        print(f"  {name:12} n={len(found):4}  median {median:8.0f}  95 % [{low:.0f}, {high:.0f}]")
    return int(summary(times["steady"])[0] > LIMIT_US or summary(times["config"])[0] > LIMIT_US)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
