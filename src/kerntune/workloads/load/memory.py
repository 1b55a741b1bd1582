"""Random accesses to a table in memory, made by this run. Prints their rate and the mean time of one.

numpy gathers and scatters, so the memory is the limit and not Python. The table is an anonymous mapping of
ours: numpy's own allocations ask for huge pages by madvise, which would hide the kernel's setting.
"""

import mmap
import sys
import time

import numpy as np
import numpy.typing as npt

CHUNK = 1 << 16  # accesses between two looks at the clock; their indices (512 KiB) stay in the cache

Numbers = npt.NDArray[np.int64]


def main(*settings: str) -> None:
    """Fills the table, accesses it at random for a while and prints the figures."""
    options = dict(setting.split("=", 1) for setting in settings)
    table = filled(int(options["table_mib"]) << 20)
    rate = accesses_per_second(table, options["access"], float(options["duration_s"]))
    print(f"accesses: {rate!r}")  # noqa: T201
    print(f"latency: {1e9 / rate!r}")  # noqa: T201


def filled(size: int) -> Numbers:
    """Returns a table of 8-byte numbers, every page of it written."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    table = np.frombuffer(memory, dtype=np.int64)  # (size / 8,)
    table.fill(1)
    return table


def accesses_per_second(table: Numbers, access: str, duration_s: float) -> float:
    """Returns the accesses by the time they took; drawing the places to access is not counted."""
    generator = np.random.default_rng(1)
    buffer = np.empty(CHUNK, dtype=np.int64)
    count, spent_s = 0, 0.0
    until = time.perf_counter() + duration_s
    while not count or time.perf_counter() < until:
        places = generator.integers(0, len(table), CHUNK)  # (CHUNK,)
        writes = access == "write" or (access == "mixed" and count // CHUNK % 2 == 1)
        began = time.perf_counter()
        if writes:
            table[places] = buffer
        else:
            table.take(places, out=buffer, mode="clip")
        spent_s += time.perf_counter() - began
        count += CHUNK
    return count / spent_s


if __name__ == "__main__":
    main(*sys.argv[1:])
