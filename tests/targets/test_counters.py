"""Counters of /proc/net, by name."""

from kerntune.targets.counters import parse

SNMP = """Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm MaxConn RetransSegs
Tcp: 1 -1 17
"""


def test_each_number_gets_its_group_and_name() -> None:
    """Two lines a group: the names, then the numbers, which may be negative."""
    assert dict(parse(SNMP)) == {
        "Ip.Forwarding": 2,
        "Ip.DefaultTTL": 64,
        "Tcp.RtoAlgorithm": 1,
        "Tcp.MaxConn": -1,
        "Tcp.RetransSegs": 17,
    }
