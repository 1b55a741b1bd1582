"""Ends of an emulated link: raw frames in and out of one device, segmentation and checksums left to do.

AF_PACKET sockets with PACKET_VNET_HDR (packet(7)): every frame begins with the kernel's virtio_net_hdr, so
that frames of up to 64 KB pass whole and partial checksums survive.
"""

import mmap
import socket
import struct
from typing import Protocol

from kerntune.targets.netns.lane import VNET_HEADER

_SOL_PACKET = 263
_RX_RING, _STATISTICS, _VERSION, _VNET_HDR, _QDISC_BYPASS, _IGNORE_OUTGOING = 5, 6, 10, 15, 20, 23
_TPACKET_V2 = 1
_ALL_PROTOCOLS = 3
_LARGEST_FRAME = 1 << 17
_WANTED_BYTES = 64 << 20
_ENOUGH_BYTES = 4 << 20
_COUNTS = struct.Struct("II")


class Port(Protocol):
    """One end of the link."""

    def fileno(self) -> int:
        """Returns what select() waits on for frames."""

    def receive(self, most: int) -> list[bytes]:
        """Returns the frames that have arrived, oldest first, at most so many. Never waits."""

    def send(self, frame: bytes) -> bool:
        """Sends a frame; false when the kernel did not take it."""

    def drops(self) -> int:
        """Returns how many frames the kernel dropped on their way to `receive` since the last call."""


class QueuePort:
    """Frames through the socket's own queue; its bytes are limited by net.core.rmem_max."""

    def __init__(self, device: str) -> None:
        self._socket = packet_socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WANTED_BYTES)
        self.capacity = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._socket.bind((device, _ALL_PROTOCOLS))

    def fileno(self) -> int:
        """Returns what select() waits on for frames."""
        return self._socket.fileno()

    def receive(self, most: int) -> list[bytes]:
        """Returns the frames that have arrived, oldest first, at most so many. Never waits."""
        frames: list[bytes] = []
        receive = self._socket.recv
        try:
            while len(frames) < most:
                frames.append(receive(_LARGEST_FRAME))
        except BlockingIOError:
            pass
        return frames

    def send(self, frame: bytes) -> bool:
        """Sends a frame; false when the kernel did not take it."""
        return sent(self._socket, frame)

    def drops(self) -> int:
        """Returns how many frames the kernel dropped since the last call."""
        return dropped(self._socket)

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


class RingPort:
    """Frames through memory shared with the kernel (PACKET_RX_RING): no limit but the number of slots.

    For kernels whose net.core.rmem_max (208 KB before 6.16) leaves a socket room for six frames of 64 KB.
    """

    _SLOT = 69_888  # holds a frame of 64 KB with its headers; a multiple of TPACKET_ALIGNMENT
    _BLOCK = 1 << 18
    _BLOCKS = 160
    _HEADER = struct.Struct("=IIIHH")  # the beginning of struct tpacket2_hdr
    _STATUS = struct.Struct("=I")
    _FOR_US = 1

    def __init__(self, device: str) -> None:
        in_block = self._BLOCK // self._SLOT
        slots = self._BLOCKS * in_block
        self._socket = packet_socket()
        self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V2)
        request = struct.pack("4I", self._BLOCK, self._BLOCKS, self._SLOT, slots)
        self._socket.setsockopt(_SOL_PACKET, _RX_RING, request)
        self._ring = mmap.mmap(self._socket.fileno(), self._BLOCK * self._BLOCKS)
        self._slots = [slot // in_block * self._BLOCK + slot % in_block * self._SLOT for slot in range(slots)]
        self._next = 0
        self._cut = 0
        self._socket.bind((device, _ALL_PROTOCOLS))

    def fileno(self) -> int:
        """Returns what select() waits on for frames."""
        return self._socket.fileno()

    def receive(self, most: int) -> list[bytes]:
        """Returns the frames that have arrived, oldest first, at most so many. Never waits."""
        frames: list[bytes] = []
        ring, slots, position = self._ring, self._slots, self._next
        while len(frames) < most:
            slot = slots[position]
            status, length, kept, mac, _ = self._HEADER.unpack_from(ring, slot)
            if not status & self._FOR_US:
                break
            if kept < length:
                self._cut += 1
            else:
                frames.append(ring[slot + mac - VNET_HEADER.size : slot + mac + kept])
            self._STATUS.pack_into(ring, slot, 0)
            position = (position + 1) % len(slots)
        self._next = position
        return frames

    def send(self, frame: bytes) -> bool:
        """Sends a frame; false when the kernel did not take it."""
        return sent(self._socket, frame)

    def drops(self) -> int:
        """Returns how many frames the kernel dropped or cut since the last call."""
        cut, self._cut = self._cut, 0
        return cut + dropped(self._socket)

    def close(self) -> None:
        """Closes the socket and gives its memory back."""
        self._ring.close()
        self._socket.close()


def open_port(device: str) -> Port:
    """Returns the port for a device: a queue where the kernel grants it enough bytes, else a ring.

    Raises:
        OSError: the kernel grants no packet socket.
    """
    queue = QueuePort(device)
    if queue.capacity >= _ENOUGH_BYTES:
        return queue
    queue.close()
    return RingPort(device)


def packet_socket() -> socket.socket:
    """Returns a socket for raw frames of no device yet, none of its own sending among them."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    opened.setsockopt(_SOL_PACKET, _VNET_HDR, 1)
    opened.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    opened.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WANTED_BYTES)
    return opened


def sent(port: socket.socket, frame: bytes) -> bool:
    """Sends a frame; false when the kernel did not take it."""
    try:
        port.send(frame)
    except OSError:  # no buffer space, or the device is down: either way the frame is gone
        return False
    return True


def dropped(port: socket.socket) -> int:
    """Returns how many frames the kernel dropped before the socket since the last call."""
    _, drops = _COUNTS.unpack(port.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size))
    return int(drops)
