"""Programs that set kernel knobs while they run, and what each of them is known to write."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kerntune.owners import sysctl, tuned
from kerntune.owners.setting import Setting, read

COMM = 15  # bytes of its name that the kernel keeps of a program (TASK_COMM_LEN)
CPUFREQ = ("/sys/devices/system/cpu/*/cpufreq/*", "/sys/devices/system/cpu/cpufreq/*/*")
NEIGHBOURS = tuple(f"/proc/sys/net/ipv{family}/neigh/default/gc_thresh*" for family in (4, 6))

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "irqbalance": ("/proc/irq/*/smp_affinity*",),
    "bpftune": (
        "/proc/sys/net/ipv4/tcp_*mem",
        "/proc/sys/net/ipv4/tcp_max_orphans",
        "/proc/sys/net/ipv4/tcp_congestion_control",
        "/proc/sys/net/ipv4/udp_mem",
        "/proc/sys/net/core/[rw]mem_*",
        "/proc/sys/net/core/netdev_*",
        "/proc/sys/net/core/flow_limit_cpu_bitmap",
        "/proc/sys/net/ipv*/ipfrag_high_thresh",
        "/proc/sys/net/ipv6/route/max_size",
        *NEIGHBOURS,
    ),
    "power-profiles-daemon": CPUFREQ,
    "auto-cpufreq": CPUFREQ,
    "thermald": CPUFREQ,
    "ksmtuned": ("/sys/kernel/mm/ksm/*",),
    "numad": ("/proc/sys/kernel/numa_balancing",),
    "kubelet": ("/proc/sys/vm/overcommit_memory",),
    "kube-proxy": ("/proc/sys/net/netfilter/nf_conntrack_*",),
    "google_guest_agent": ("/sys/class/net/*/queues/*/*",),
    "waagent": ("/sys/block/*/device/timeout",),
}
"""Program names, and the files of the kernel that their documentation says they write."""

SAPTUNE = "/etc/sysconfig/saptune"
SAPTUNE_NOTES = ("/var/lib/saptune/working/notes", "/usr/share/saptune/notes", "/etc/saptune/extra")


@dataclass(frozen=True, slots=True)
class Manager:
    """A running program and the files of the kernel it may write; they may be shell patterns."""

    words: str
    files: tuple[str, ...]


def running(root: Path) -> tuple[Manager, ...]:
    """Returns the managers that run on a machine."""
    names = _programs(root / "proc")
    found = [Manager(name, files) for name, files in PROGRAMS.items() if name[:COMM] in names]
    if "tuned" in names:
        found += [
            Manager(f"tuned (profile {profile})", tuple(dict.fromkeys(tuned.written(root, profile))))
            for profile in tuned.active(root)
        ]
    return (*found, *_saptune(root))


def claims(managers: Iterable[Manager], path: str) -> Iterator[str]:
    """Yields the managers that may write a file of the kernel."""
    for manager in managers:
        if any(Setting(file, "", "", 0).sets(path) for file in manager.files):
            yield manager.words


def _programs(proc: Path) -> frozenset[str]:
    try:
        numbered = [entry for entry in proc.iterdir() if entry.name.isdigit()]
    except OSError:
        return frozenset()
    return frozenset(read(entry / "comm").strip() for entry in numbered)


def _saptune(root: Path) -> Iterator[Manager]:
    """Yields the SAP notes that saptune applies: it sets them once and stays in no process list."""
    lines = read(root / SAPTUNE.lstrip("/")).splitlines()
    options = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    for note in options.get("NOTE_APPLY_ORDER", options.get("TUNE_FOR_NOTES", "")).strip("\"' ").split():
        paths = (
            root / folder.lstrip("/") / name for folder in SAPTUNE_NOTES for name in (note, f"{note}.conf")
        )
        text = next((text for path in paths if (text := read(path))), "")
        files = tuple(setting.path for setting in sysctl.parse(_section(text, "sysctl"), note)[0])
        yield Manager(f"saptune (note {note})", files)


def _section(text: str, name: str) -> str:
    _, _, rest = text.partition(f"[{name}]")
    return rest.partition("\n[")[0]
