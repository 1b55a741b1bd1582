"""Reads a host's network counters from open files of its /proc/net: nobody inside is asked or woken."""

import os
from collections.abc import Iterator, Mapping, Sequence

_LARGEST = 1 << 16


def read(files: Sequence[int]) -> Mapping[str, float]:
    """Returns the counters of open files of /proc/net/snmp and /proc/net/netstat, named `Tcp.RetransSegs`.

    Raises:
        OSError: a file cannot be read.
    """
    return dict(pair for file in files for pair in parse(os.pread(file, _LARGEST, 0).decode()))


def parse(text: str) -> Iterator[tuple[str, float]]:
    """Yields each counter of a file of pairs of lines: `Tcp: names` and then `Tcp: numbers`."""
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        group, *fields = names.split()
        for field, number in zip(fields, numbers.split()[1:], strict=True):
            yield f"{group.removesuffix(':')}.{field}", float(number)
