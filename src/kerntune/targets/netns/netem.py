"""A link made by the kernel's own emulator: a bridge between two devices, netem on the way out of each.

Only where sch_netem and the bridge are built in or loadable; `forwarder` is there for all other kernels.
"""

import errno
import math
import os
import socket
import struct
from dataclasses import dataclass

from pyroute2 import IPRoute
from pyroute2.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTM_NEWQDISC, TC_H_ROOT
from pyroute2.netlink.rtnl.tcmsg import tcmsg
from pyroute2.netlink.rtnl.tcmsg.sched_netem import get_parameters

from kerntune.errors import TargetError
from kerntune.interfaces import Link

BRIDGE = "bridge0"

_ERROR = struct.Struct("=IHHIIi")  # struct nlmsghdr, and the error of an acknowledgement
_HANDLE = 0x10000


@dataclass(frozen=True, slots=True)
class Request:
    """What netem is asked for in one direction (tc-netem(8)): µs, bytes/s, packets, percent."""

    delay_us: int
    rate_bytes: int
    limit_packets: int
    loss_percent: float

    def encoded(self, device: int) -> bytes:
        """Returns the netlink message that puts the qdisc on a device, given by its index.

        Not by `IPRoute.tc`: in pyroute2 0.9.7 it also sends `rate` as TCA_RATE, and fails.
        """
        options = {
            "delay": self.delay_us,
            "rate": self.rate_bytes,
            "limit": self.limit_packets,
            "loss": self.loss_percent,
        }
        message = tcmsg()
        message["index"] = device
        message["parent"] = TC_H_ROOT
        message["handle"] = _HANDLE
        message["attrs"] = [["TCA_KIND", "netem"], ["TCA_OPTIONS", get_parameters(options)]]
        message["header"]["type"] = RTM_NEWQDISC
        message["header"]["flags"] = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
        message["header"]["sequence_number"] = 1
        message.encode()
        return bytes(message.data)


def request(link: Link) -> Request:
    """Returns what to ask of netem for one direction of a link.

    netem counts packets, the delayed ones as well, so its limit is what the link holds in flight and in the
    queue, in packets of the link's MTU.
    """
    in_flight = link.rate_bps / 8 * link.delay_s
    return Request(
        delay_us=round(link.delay_s * 1e6),
        rate_bytes=round(link.rate_bps / 8),
        limit_packets=math.ceil((in_flight + link.queue_bytes) / link.mtu),
        loss_percent=link.loss * 100,
    )


def build(route: IPRoute, devices: tuple[str, str], link: Link) -> None:
    """Joins two devices of this network namespace by an emulated link.

    Raises:
        TargetError: this kernel has no bridge or no netem.
    """
    try:
        route.link("add", ifname=BRIDGE, kind="bridge", mtu=link.mtu)
        bridge = route.link_lookup(ifname=BRIDGE)[0]
        for device in devices:
            index = route.link_lookup(ifname=device)[0]
            _ask(request(link).encoded(index))
            route.link("set", index=index, master=bridge)
        route.link("set", index=bridge, state="up")
    except NetlinkError as error:
        raise _refused(error.code) from error
    except OSError as error:
        raise _refused(error.errno or errno.EIO) from error


def _ask(message: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(message)
        *_, code = _ERROR.unpack_from(netlink.recv(1 << 16))
    if code:
        raise OSError(-code, os.strerror(-code))


def _refused(code: int) -> TargetError:
    msg = f"cannot emulate a link with netem: {os.strerror(code)}"
    return TargetError(msg, hint="load sch_netem and bridge, or choose the emulator forwarder")
