"""Raw frames through a pair of devices of a namespace that only the child process has."""

import subprocess
import sys

import pytest

from kerntune.targets.netns.target import NetnsTarget

SCRIPT = """
import os, select, socket, sys
from pathlib import Path
from pyroute2 import IPRoute
from kerntune.targets import syscalls
from kerntune.targets.netns import keeper
from kerntune.targets.netns.lane import VNET_HEADER
from kerntune.targets.netns.ports import QueuePort, RingPort

keeper.enter()
syscalls.unshare(syscalls.NEW_NET, "a network")
with IPRoute() as route:
    route.link("add", ifname="left", kind="veth", mtu=9000, peer={"ifname": "right", "mtu": 9000})
    for name in ("left", "right"):
        route.link("set", index=route.link_lookup(ifname=name)[0], state="up")
left, right = {"queue": QueuePort, "ring": RingPort}[sys.argv[1]]("left"), QueuePort("right")

def got(port, count):
    frames = []
    while len(frames) < count:
        assert select.select([port], [], [], 5)[0], f"{len(frames)} of {count} frames"
        frames += [frame for frame in port.receive(64) if frame[-1] == 0x77]
    return frames

def frame(number, length):
    header = VNET_HEADER.pack(0, 0, 0, 0, 0, 0)
    return header + b"\\xff" * 6 + b"\\x02" * 6 + b"\\x88\\xb5" + bytes([number % 251]) * length + b"\\x77"

for first in range(0, 1600, 100):
    sent = [frame(first + number, 50 + 80 * number) for number in range(100)]
    assert all(right.send(item) for item in sent)
    assert got(left, 100) == sent
assert left.send(sent[99])
assert got(right, 1) == [sent[99]]
assert left.receive(64) == []
assert left.drops() == right.drops() == 0
for number in range(1, 2000):
    right.send(frame(number, 8000))
kept = 0
while frames := left.receive(64):
    kept += len(frames)
dropped = left.drops()
assert kept + dropped >= 1999
assert left.drops() == 0
left.close()
right.close()
print("well", dropped)
"""


@pytest.mark.root
@pytest.mark.parametrize("kind", ["queue", "ring"])
def test_frames_pass_whole_and_in_order(kind: str, target: NetnsTarget) -> None:
    """Both kinds of ports give what was sent, several times round the ring, and count what they dropped."""
    argv = [sys.executable, "-c", SCRIPT, kind]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)

    assert done.stderr == ""
    assert done.stdout.startswith("well")
