"""Facts about a machine, which of them must be equal to compare, and what it counts. Never writes."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a machine is, as far as it can change a measurement.

    Text that the machine does not tell is empty, numbers are 0. `virtualization` is a hint ("kvm",
    "docker", "hypervisor"), `governor` the frequency governors of all CPUs, `thp` the mode of transparent
    huge pages, `boot_id` differs after every boot and is no part of the comparison.
    """

    kernel: str
    kernel_version: str
    architecture: str
    cpu_model: str
    cpus: int
    memory_bytes: int
    numa_nodes: int
    virtualization: str
    governor: str
    swap_bytes: int
    distribution: str
    thp: str
    clocksource: str
    boot_id: str = ""


COMPARED = (
    "kernel",
    "kernel_version",
    "architecture",
    "cpu_model",
    "cpus",
    "memory_bytes",
    "numa_nodes",
    "virtualization",
    "governor",
    "swap_bytes",
    "thp",
    "clocksource",
)
"""The facts that must be equal before two measurements may be compared.

Not the boot (the same machine restarted is the same machine) and not the distribution (its kernel is
compared, its name changes with a point release).
"""

TOLERANCE = {"memory_bytes": 0.01}
"""Relative differences that mean nothing: the kernel keeps a little more or less for itself at every boot."""


def comparable(one: HostFacts, other: HostFacts) -> tuple[str, ...]:
    """Returns what forbids comparing measurements of two hosts, in words; empty if nothing does."""
    pairs = ((name, getattr(one, name), getattr(other, name)) for name in COMPARED)
    return tuple(
        f"{name}: {a!r} and {b!r}" for name, a, b in pairs if not _same(a, b, TOLERANCE.get(name, 0))
    )


def _same(a: object, b: object, tolerance: float) -> bool:
    if isinstance(a, int) and isinstance(b, int):
        return abs(a - b) <= tolerance * max(abs(a), abs(b))
    return a == b


def facts(root: Path = ROOT) -> HostFacts:
    """Returns the facts of the machine whose /proc, /sys, /etc and /run lie under `root`."""
    proc = root / "proc"
    cpuinfo = _text(proc / "cpuinfo")
    memory = _meminfo(proc)
    return HostFacts(
        kernel=_text(proc / "sys/kernel/osrelease"),
        kernel_version=_text(proc / "sys/kernel/version"),
        architecture=_text(proc / "sys/kernel/arch") or os.uname().machine,
        cpu_model=_cpu_model(cpuinfo),
        cpus=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or _cpu_lines(proc),
        memory_bytes=int(memory.get("MemTotal", 0)),
        numa_nodes=len(list((root / "sys/devices/system/node").glob("node[0-9]*"))),
        virtualization=_virtualization(root, cpuinfo),
        governor=_governors(root / "sys/devices/system/cpu"),
        swap_bytes=int(memory.get("SwapTotal", 0)),
        distribution=_distribution(root / "etc/os-release"),
        thp=_chosen(_text(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        clocksource=_text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        boot_id=_text(proc / "sys/kernel/random/boot_id"),
    )


def circumstances(root: Path = ROOT) -> Mapping[str, str]:
    """Returns what holds on a machine and makes some of its knobs do nothing, each with its reason in words.

    Known are "no swap", "one NUMA node", "one CPU" and "memory cgroup v1". What cannot be found out is left
    out: better a knob that does nothing than one that is missed.
    """
    proc = root / "proc"
    found = {
        "no swap": _no_swap(_text(proc / "swaps")),
        "one NUMA node": _one_node(root / "sys/devices/system/node"),
        "one CPU": "there is one CPU only" if _cpu_lines(proc) == 1 else "",
        "memory cgroup v1": _own_swappiness(_text(proc / "self/cgroup")),
    }
    return {circumstance: reason for circumstance, reason in found.items() if reason}


def _no_swap(swaps: str) -> str:
    """Returns why nothing is ever swapped; /proc/swaps has a heading and a line for each swap space."""
    return "there is no swap space, so nothing is ever swapped" if len(swaps.splitlines()) == 1 else ""


def _one_node(nodes: Path) -> str:
    with_memory = _text(nodes / "has_memory")
    return "there is one NUMA node only" if re.fullmatch(r"\d+", with_memory) else ""


def _own_swappiness(groups: str) -> str:
    """Returns which version-1 group this process's memory is in; only the root group heeds vm.swappiness.

    Source: Documentation/admin-guide/cgroup-v1/memory.rst.
    """
    group = re.search(r"^\d+:(?:[\w=]+,)*memory(?:,[\w=]+)*:/(.+)$", groups, re.MULTILINE)
    if group is None:
        return ""
    return (
        f"memory is counted in the control group {group[1]} of version 1, which has a swappiness of its own"
    )


def snapshot(network: Mapping[str, float] | None = None, *, root: Path = ROOT) -> Mapping[str, float]:
    """Returns what the kernel has counted so far; files that this kernel lacks are left out.

    Sources: proc(5), Documentation/filesystems/proc.rst and Documentation/accounting/psi.rst. Takes about a
    fifth of a millisecond. `network` takes counters from elsewhere (`Place.network_counters()`); they are
    named `net.…` here.
    """
    proc = root / "proc"
    counted = {f"net.{name}": value for name, value in (network or {}).items()}
    counted |= _stat(_text(proc / "stat"))
    counted |= _vmstat(_text(proc / "vmstat"))
    counted |= {f"mem.{ours}": value for ours, value in _gauges(_meminfo(proc))}
    counted |= _load(_text(proc / "loadavg"))
    counted |= _disks(root, _text(proc / "diskstats"))
    for resource in ("cpu", "memory", "io"):
        counted |= _pressure(resource, _text(proc / "pressure" / resource))
    return counted


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> Mapping[str, float]:
    """Returns what happened between two snapshots of one host.

    `cpu.*_share` are fractions of all CPUs' time (0 to 1), `psi.*_us` microseconds of waiting,
    `mem.available_min_bytes` and the like the worse end of a gauge, `load.1min` the last value, everything
    else counts. Network counters that did not move are left out: there are hundreds.
    """
    moved = {name: after[name] - before[name] for name in after if name in before}
    result = _cpu_shares({name: value for name, value in moved.items() if name.startswith("cpu.")})
    for name, value in moved.items():
        if name in GAUGES:
            ours, worse = GAUGES[name]
            result[ours] = worse(before[name], after[name])
        elif name.startswith(("psi.", "vm.", "sys.", "disk.")) or (name.startswith("net.") and value):
            result[name] = value
    return result


def _last(_before: float, after: float) -> float:
    return after


GAUGES: Mapping[str, tuple[str, Callable[[float, float], float]]] = {
    "mem.available_bytes": ("mem.available_min_bytes", min),
    "mem.dirty_bytes": ("mem.dirty_max_bytes", max),
    "mem.swap_free_bytes": ("mem.swap_free_min_bytes", min),
    "mem.total_bytes": ("mem.total_bytes", _last),
    "mem.swap_total_bytes": ("mem.swap_total_bytes", _last),
    "sys.cpus": ("sys.cpus", _last),
    "load.1min": ("load.1min", _last),
    "load.runnable": ("load.runnable_max", max),
    "sys.blocked": ("sys.blocked_max", max),
}
"""Snapshots' names that are levels, not counts: the name of the difference, and which end is reported."""

CPU_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""The columns of /proc/stat's cpu line. The two guest columns behind them are parts of user and nice."""

STAT_FIELDS = {"ctxt": "sys.context_switches", "processes": "sys.forks", "procs_blocked": "sys.blocked"}

MEMORY_GAUGES = {
    "MemTotal": "total_bytes",
    "MemAvailable": "available_bytes",
    "Dirty": "dirty_bytes",
    "SwapTotal": "swap_total_bytes",
    "SwapFree": "swap_free_bytes",
}

DISK_FIELDS = {
    1: ("reads", 1),
    3: ("read_bytes", 512),
    5: ("writes", 1),
    7: ("written_bytes", 512),
    10: ("busy_ms", 1),
}
"""Fields of /proc/diskstats behind the name: ours, and the unit (admin-guide/iostats.rst)."""

VM_COUNTERS = frozenset(
    (
        *("pgfault", "pgmajfault", "pgpgin", "pgpgout", "pswpin", "pswpout"),
        *("pgscan_kswapd", "pgscan_direct", "pgsteal_kswapd", "pgsteal_direct"),
        *("compact_stall", "thp_fault_alloc", "oom_kill"),
    )
)


def _cpu_shares(moved: Mapping[str, float]) -> dict[str, float]:
    """Returns each kind of CPU time as a share of all of it; empty if the clock did not tick between."""
    total = sum(moved.values())
    if total <= 0:
        return {}
    shares = {f"{name}_share": value / total for name, value in moved.items()}
    idle = shares.get("cpu.idle_share", 0.0) + shares.get("cpu.iowait_share", 0.0)
    return {**shares, "cpu.busy_share": 1.0 - idle}


def _stat(text: str) -> dict[str, float]:
    counted: dict[str, float] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name == "cpu":
            ticks = zip(CPU_FIELDS, rest.split(), strict=False)
            counted |= {f"cpu.{field}": float(count) for field, count in ticks}
        elif name.startswith("cpu"):
            counted["sys.cpus"] = counted.get("sys.cpus", 0.0) + 1
        elif name in STAT_FIELDS:
            counted[STAT_FIELDS[name]] = float(rest)
    return counted


def _vmstat(text: str) -> dict[str, float]:
    pairs = (line.split() for line in text.splitlines())
    return {f"vm.{pair[0]}": float(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in VM_COUNTERS}


def _gauges(memory: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    return ((ours, memory[theirs]) for theirs, ours in MEMORY_GAUGES.items() if theirs in memory)


def _load(text: str) -> dict[str, float]:
    """Returns the load of one minute and the runnable tasks, from `0.20 0.18 0.12 1/80 11206`."""
    fields = text.split()
    if len(fields) < 4:
        return {}
    return {"load.1min": float(fields[0]), "load.runnable": float(fields[3].partition("/")[0])}


def _disks(root: Path, text: str) -> dict[str, float]:
    """Returns what all disks did together; partitions, loops and mappings repeat what disks do."""
    disks = {path.parent.name for path in (root / "sys/block").glob("*/device")}
    counted: dict[str, float] = {}
    for line in text.splitlines():
        columns = line.split()[2:]
        if len(columns) > max(DISK_FIELDS) and columns[0] in disks:
            for column, (ours, unit) in DISK_FIELDS.items():
                counted[f"disk.{ours}"] = counted.get(f"disk.{ours}", 0.0) + unit * float(columns[column])
    return counted


def _pressure(resource: str, text: str) -> dict[str, float]:
    """Returns the total microseconds of `some` and `full`; empty where pressure is not accounted."""
    totals = re.findall(r"^(some|full) .*total=(\d+)$", text, re.MULTILINE)
    return {f"psi.{resource}.{kind}_us": float(total) for kind, total in totals}


def _meminfo(proc: Path) -> dict[str, float]:
    """Returns /proc/meminfo in bytes."""
    lines = re.findall(r"^(\w+):\s+(\d+) kB$", _text(proc / "meminfo"), re.MULTILINE)
    return {name: float(kilobytes) * 1024 for name, kilobytes in lines}


def _text(path: Path) -> str:
    """Returns a file's text; a file that is missing or not for us is an absent fact, not an error."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _cpu_model(cpuinfo: str) -> str:
    """Returns what the CPU calls itself: by name on x86 and others, by its part numbers on ARM."""
    named = re.search(r"^(?:model name|cpu model|cpu|Model)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    if named:
        return named[1].strip()
    parts = (re.search(rf"^CPU {key}\s*:\s*(\S+)$", cpuinfo, re.MULTILINE) for key in ("implementer", "part"))
    return " ".join(part[1] for part in parts if part)


def _cpu_lines(proc: Path) -> int:
    return len(re.findall(r"^cpu\d+ ", _text(proc / "stat"), re.MULTILINE))


def _governors(cpu: Path) -> str:
    found = {_text(path) for path in cpu.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    return " ".join(sorted(found - {""}))


def _virtualization(root: Path, cpuinfo: str) -> str:
    """Returns a container's kind, else the virtual machine's, else "" for bare metal."""
    container = _text(root / "run/systemd/container") or ("docker" if (root / ".dockerenv").exists() else "")
    vendor = _text(root / "sys/hypervisor/type") or _text(root / "sys/class/dmi/id/sys_vendor")
    is_guest = re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE) is not None
    machine = (vendor or "hypervisor") if is_guest or (root / "sys/hypervisor/type").exists() else ""
    return " in ".join(filter(None, (container, machine)))


def _distribution(os_release: Path) -> str:
    named = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text(os_release), re.MULTILINE)
    return named[1] if named else ""


def _chosen(modes: str) -> str:
    """Returns the mode in brackets of `always [madvise] never`."""
    chosen = re.search(r"\[(.+?)\]", modes)
    return chosen[1] if chosen else modes
