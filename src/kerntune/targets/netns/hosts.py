"""The two hosts of a pair: their names, addresses and device."""

from collections.abc import Mapping

ADDRESSES: Mapping[str, str] = {"client": "10.77.0.1", "server": "10.77.0.2"}
"""Addresses by host, the one that starts the conversation first; all in one network of 24 bits."""

HOSTS = tuple(ADDRESSES)

DEVICE = "eth0"
"""The network device of either host."""
