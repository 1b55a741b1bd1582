"""Makes the network namespaces of a pair of hosts and the devices that join them, by netlink."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from kerntune.errors import TargetError
from kerntune.interfaces import Link
from kerntune.targets import syscalls
from kerntune.targets.netns import netem
from kerntune.targets.netns.hosts import ADDRESSES, DEVICE, HOSTS

MIDDLE_DEVICES = ("client0", "server0")
"""The devices in the middle namespace that lead to the two hosts."""

COUNTER_FILES = ("snmp", "netstat")
_LOOPBACK = 1


@dataclass(frozen=True, slots=True)
class Wires:
    """Open files of the namespaces of both hosts and of the middle, and of each host's counters."""

    hosts: Mapping[str, int]
    middle: int
    counters: Mapping[str, tuple[int, ...]]

    def close(self) -> None:
        """Lets go of the namespaces; the kernel removes them and their devices when nobody is in them."""
        for file in (*self.hosts.values(), self.middle, *sum(self.counters.values(), ())):
            os.close(file)


def lay(link: Link, home: int) -> Wires:
    """Makes two hosts and the devices between them; ends in the namespace `home`.

    A direct link is one pair of devices; an emulated one is two, still to be joined in the middle.

    Raises:
        TargetError: the kernel refused a namespace or a device.
    """
    try:
        hosts = {host: new_network() for host in HOSTS}
        middle = new_network()
        if link.emulator == "none":
            syscalls.enter(hosts[HOSTS[0]], syscalls.NEW_NET)
            ends = {DEVICE: hosts[HOSTS[1]]}
        else:
            ends = {device: hosts[host] for host, device in zip(HOSTS, MIDDLE_DEVICES, strict=True)}
        with IPRoute() as route:
            for device, host in ends.items():
                _join(route, device, host, link.mtu)
        counters = {host: _address(host, hosts[host], link) for host in HOSTS}
    except NetlinkError as error:
        msg = f"cannot join two hosts: {error}"
        raise TargetError(msg, hint="the kernel needs the module veth") from error
    finally:
        syscalls.enter(home, syscalls.NEW_NET)
    return Wires(hosts, middle, counters)


def emulate_in_kernel(wires: Wires, link: Link, home: int) -> None:
    """Joins the middle devices by a bridge with netem; ends in the namespace `home`.

    Raises:
        TargetError: this kernel has no bridge or no netem.
    """
    syscalls.enter(wires.middle, syscalls.NEW_NET)
    try:
        with IPRoute() as route:
            netem.build(route, MIDDLE_DEVICES, link)
    finally:
        syscalls.enter(home, syscalls.NEW_NET)


def new_network() -> int:
    """Moves the caller into a new network namespace and returns an open file of it.

    Raises:
        TargetError: the kernel refused.
    """
    syscalls.unshare(syscalls.NEW_NET, "a network namespace")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _join(route: IPRoute, device: str, host: int, mtu: int) -> None:
    peer = {"ifname": DEVICE, "net_ns_fd": host, "mtu": mtu}
    route.link("add", ifname=device, kind="veth", mtu=mtu, peer=peer)
    route.link("set", index=route.link_lookup(ifname=device)[0], state="up")


def _address(host: str, namespace: int, link: Link) -> tuple[int, ...]:
    """Brings a host's devices up with its address; returns open files of its counters."""
    syscalls.enter(namespace, syscalls.NEW_NET)
    with IPRoute() as route:
        index = route.link_lookup(ifname=DEVICE)[0]
        route.addr("add", index=index, address=ADDRESSES[host], prefixlen=24)
        # A frame is lost whole. Where loss matters each frame is to be one packet, as on a real wire.
        single = {"gso_max_segs": 1} if link.loss else {}
        route.link("set", index=index, state="up", **single)
        route.link("set", index=_LOOPBACK, state="up")
    return tuple(os.open(f"/proc/self/net/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in COUNTER_FILES)
