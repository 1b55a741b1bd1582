"""Reads and writes of one file of ours. Prints megabytes a second and the 99th percentile of an operation.

No cache but this file's own is dropped (posix_fadvise), and no advice is given that would hide the kernel's
readahead. `make` makes the file to read; each pattern is one function.
"""

import ctypes
import mmap
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BLOCK = 1 << 20
PAGE = mmap.PAGESIZE
LOADED = 64  # pages for each that is read at random: twice what the kernel's usual readahead loads with it
READ = 1 << 16  # half the kernel's usual readahead, so that reading ahead matters

Operations = Callable[[Path, dict[str, str]], Iterator[int]]
"""One operation after the other, each giving the bytes it moved; a 0 before them, when all is ready."""


def main(pattern: str, *settings: str) -> None:
    """Makes the file, or plays a pattern for a while and prints the figures."""
    options = dict(setting.split("=", 1) for setting in settings)
    path = Path(options["path"])
    try:
        if pattern == "make":
            make(path, int(options["size_mib"]))
        else:
            measure(PATTERNS[pattern](path, options), float(options["duration_s"]))
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}")


def make(path: Path, size_mib: int) -> None:
    """Writes a file of incompressible bytes to the disk, unless it is there; whole or not at all."""
    if path.exists() and path.stat().st_size == size_mib * BLOCK:
        return
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    block = bytearray(os.urandom(BLOCK))
    with part.open("wb") as file:
        for number in range(size_mib):
            block[:8] = number.to_bytes(8, "little")  # no two blocks are equal: some disks would store one
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def measure(operations: Iterator[int], duration_s: float) -> None:
    """Carries out operations until the time is up, or there are none left, and prints the figures."""
    next(operations)
    latencies_s: list[float] = []
    moved = 0
    began = now = time.monotonic()
    while now - began < duration_s:
        count = next(operations, 0)
        ended = time.monotonic()
        if not count:
            break
        latencies_s.append(ended - now)
        moved += count
        now = ended
    latencies_s.sort()
    print(f"throughput: {moved / 1e6 / (now - began)!r}")  # noqa: T201
    print(f"p99_latency: {quantile(latencies_s, 99) * 1e3!r}")  # noqa: T201


def fsync(path: Path, options: dict[str, str]) -> Iterator[int]:
    """Appends a few buffered writes and an fsync, again and again; begins anew where the file is full."""
    block = os.urandom(int(options["write_kib"]) << 10)
    writes = int(options["writes_per_fsync"])
    limit = int(options["size_mib"]) * BLOCK
    with path.open("w+b", buffering=0) as file:
        file.write(block)
        drop(file.fileno())  # on a file system in memory an fsync does nothing
        file.seek(0)
        yield 0
        while True:
            if file.tell() + writes * len(block) > limit:
                file.seek(0)
            for _ in range(writes):
                file.write(block)
            os.fsync(file.fileno())
            yield writes * len(block)


def sequential(path: Path, options: dict[str, str]) -> Iterator[int]:  # noqa: ARG001 - like the others
    """Reads the file from its start to its end, once: a second time it would lie in memory."""
    with path.open("r+b", buffering=0) as file:
        drop(file.fileno())
        buffer = bytearray(READ)
        yield 0
        while count := file.readinto(buffer):
            yield count


def at_random(path: Path, options: dict[str, str]) -> Iterator[int]:  # noqa: ARG001 - like the others
    """Reads a page at random places of the mapped file, as databases that map their files do.

    It ends while most of the file is not in memory yet: afterwards it would measure memory.
    """
    with path.open("r+b", buffering=0) as file:
        drop(file.fileno())
        generator = random.Random(1)  # noqa: S311 - the same places in every run
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            pages = len(memory) // PAGE
            yield 0
            for _ in range(max(1, pages // LOADED)):
                start = generator.randrange(pages) * PAGE
                yield len(memory[start : start + PAGE])


PATTERNS: dict[str, Operations] = {"fsync": fsync, "sequential": sequential, "random": at_random}


def drop(descriptor: int) -> None:
    """Drops the file's pages from memory; fails where they stay, as on a file system in memory."""
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    share = cached_share(descriptor)
    if share > 0.05:
        sys.exit(f"{share:.0%} of the file stay in memory: is it on a disk?")


def cached_share(descriptor: int) -> float:
    """Returns the share of the file's pages that lie in memory. Source: mincore(2)."""
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY) as memory:
        pages = -(-len(memory) // PAGE)
        resident = (ctypes.c_ubyte * pages)()
        start = ctypes.c_char.from_buffer(memory)
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mincore(
            ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(memory)), resident
        )
        del start  # it holds the mapping open
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
    return sum(flags & 1 for flags in resident) / pages


def quantile(ordered: list[float], percent: int) -> float:
    """Returns the smallest value that at least so many percent do not exceed (the nearest rank)."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else float("nan")


if __name__ == "__main__":
    main(*sys.argv[1:])
