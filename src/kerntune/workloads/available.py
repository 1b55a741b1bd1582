"""The memory that a workload takes: refused where it would push out, or end, somebody else's programs."""

from pathlib import Path

from kerntune.errors import RunFailed

MEMINFO = Path("/proc/meminfo")
RESERVE_MIB = 256


def check_memory(needed_mib: float, what: str, options: str, meminfo: Path = MEMINFO) -> None:
    """Checks that so much memory is available, and the reserve beyond it.

    Args:
        needed_mib: MiB that are going to be used.
        what: what for.
        options: the workload's options that say how much.
        meminfo: the kernel's table, proc_meminfo(5).

    Raises:
        RunFailed: it is not (kind "exit").
    """
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    free_mib = int(lines["MemAvailable"].split()[0]) // 1024
    if needed_mib > free_mib - RESERVE_MIB:
        msg = (
            f"{what} of {needed_mib:.0f} MiB does not fit: {free_mib} MiB of memory are available, "
            f"of which {RESERVE_MIB} MiB stay free"
        )
        raise RunFailed(msg, kind="exit", hint=f"set the workload's option {options} lower")
