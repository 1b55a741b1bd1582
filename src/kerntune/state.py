"""The state of a machine during one run, as an agent observes it: named metrics of a sample's telemetry.

Each metric has a value in its own unit, and a place between 0 and 1 for agents that want numbers of one size.
Pure functions of what `kerntune.host` counted: nothing here reads a file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from kerntune.errors import Fault
from kerntune.model.measurement import Sample

MIB = float(1 << 20)

Read = Callable[[Sample], float | None]
"""Takes a metric from a sample; None where the machine does not count it."""


@dataclass(frozen=True, slots=True)
class StateMetric:
    """One thing to observe. `half` is the value that stands at 0.5; None: it is a percentage."""

    name: str
    unit: str
    meaning: str
    read: Read
    half: float | None = None
    aliases: tuple[str, ...] = ()

    def place(self, sample: Sample) -> float:
        """Returns where the metric stands between 0 and 1; 0 where the machine does not count it.

        A percentage is divided by 100. A metric without an end saturates: 1 - half / (value + half).
        """
        value = max(self.read(sample) or 0.0, 0.0)
        return min(value / 100, 1.0) if self.half is None else 1 - self.half / (value + self.half)


def metric(name: str) -> StateMetric | None:
    """Returns the metric of a name or alias, None if there is none."""
    return _BY_NAME.get(name)


def observed(names: Sequence[str], sample: Sample) -> tuple[float, ...]:
    """Returns the places of metrics, each between 0 and 1; names must be known."""
    return tuple(_BY_NAME[name].place(sample) for name in names)


def values(names: Sequence[str], sample: Sample) -> Mapping[str, float | None]:
    """Returns the values of metrics in their units, None where the machine does not count them."""
    return {name: _BY_NAME[name].read(sample) for name in names}


def state_faults(names: Sequence[object], where: str) -> list[Fault]:
    """Returns the names that are no metrics or given twice, each with close ones; `where` is their field."""
    faults = []
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if not isinstance(name, str):
            continue
        known = metric(name)
        if known is None:
            faults.append(Fault(f"{where}[{index}]", name, f"is no state metric; {_offer(name)}"))
        elif known.name in seen:
            problem = f"is observed already: it is {where}[{seen[known.name]}]"
            faults.append(Fault(f"{where}[{index}]", name, problem))
        else:
            seen[known.name] = index
    return faults


def _offer(name: str) -> str:
    close = get_close_matches(name.lower(), _BY_NAME, n=3)
    return f"close to it: {', '.join(close)}" if close else f"there are: {', '.join(METRICS)}"


# --- how each is read -------------------------------------------------------------------------------------


def _share(name: str) -> Read:
    """Reads a share of all CPUs' time, in percent."""
    return lambda sample: _percent(sample.telemetry.get(f"cpu.{name}_share"))


def _rate(*names: str, unit: float = 1.0) -> Read:
    """Reads what one or several counters counted in a second, in multiples of `unit`."""

    def read(sample: Sample) -> float | None:
        found = [sample.telemetry[name] for name in names if name in sample.telemetry]
        return sum(found) / unit / sample.wall_s if found and sample.wall_s > 0 else None

    return read


def _network(*endings: str, unit: float = 1.0) -> Read:
    """Reads what network counters of all hosts counted in a second; those that stood still are not there."""

    def read(sample: Sample) -> float | None:
        moved = sum(value for name, value in sample.telemetry.items() if name.endswith(endings))
        return moved / unit / sample.wall_s if sample.wall_s > 0 else None

    return read


def _pressure(resource: str) -> Read:
    """Reads the share of the time in which at least one task waited for a resource, in percent."""

    def read(sample: Sample) -> float | None:
        waited_us = sample.telemetry.get(f"psi.{resource}.some_us")
        if waited_us is None or sample.wall_s <= 0:
            return None
        return min(_percent(waited_us / 1e6 / sample.wall_s) or 0.0, 100.0)

    return read


def _gauge(name: str, unit: float = 1.0) -> Read:
    """Reads a level, in multiples of `unit`."""

    def read(sample: Sample) -> float | None:
        value = sample.telemetry.get(name)
        return None if value is None else value / unit

    return read


def _filled(total: str, left: str) -> Read:
    """Reads how much of something is used, in percent; a machine that has none of it uses none."""

    def read(sample: Sample) -> float | None:
        whole, free = sample.telemetry.get(total), sample.telemetry.get(left)
        if whole is None or free is None:
            return None
        return 100 * (1 - free / whole) if whole > 0 else 0.0

    return read


def _load_per_cpu(sample: Sample) -> float | None:
    load, cpus = sample.telemetry.get("load.1min"), sample.telemetry.get("sys.cpus", 0.0)
    return None if load is None or cpus <= 0 else load / cpus


def _disk_busy(sample: Sample) -> float | None:
    busy_ms = sample.telemetry.get("disk.busy_ms")
    if busy_ms is None or sample.wall_s <= 0:
        return None
    return min(busy_ms / 10 / sample.wall_s, 100.0)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


_CPU = "of all CPUs' time"
_BYTES_IN = (".IpExt.InOctets", ".Ip6.Ip6InOctets")
_BYTES_OUT = (".IpExt.OutOctets", ".Ip6.Ip6OutOctets")

_ALL = (
    StateMetric(
        "cpu_usage", "%", f"busy share {_CPU}", _share("busy"),
        aliases=(
            "cpu_utilization", "cpu_util", "cpu_percent", "cpu_used_percent", "cpu_usage_percent", "cpu",
        ),
    ),
    StateMetric("cpu_user", "%", f"programs' share {_CPU}", _share("user"), aliases=("cpu_user_percent",)),
    StateMetric(
        "cpu_system", "%", f"the kernel's share {_CPU}", _share("system"), aliases=("cpu_system_percent",)
    ),
    StateMetric("cpu_softirq", "%", f"soft interrupts' share {_CPU}", _share("softirq")),
    StateMetric("cpu_steal", "%", f"the hypervisor's share {_CPU}", _share("steal"), aliases=("steal",)),
    StateMetric(
        "io_wait", "%", f"share {_CPU} that was idle with I/O under way", _share("iowait"),
        aliases=("io_wait_percent", "iowait", "iowait_percent", "cpu_iowait", "cpu_io_wait"),
    ),
    StateMetric(
        "memory_used", "%", "memory that is not available, at its highest",
        _filled("mem.total_bytes", "mem.available_min_bytes"),
        aliases=(
            "memory_used_percent", "mem_utilization", "memory_utilization", "memory_usage", "mem_usage",
            "mem_used", "mem_used_percent", "memory_percent", "memory", "mem_util", "memory_util", "mem",
            "memory_usage_percent",
        ),
    ),
    StateMetric(
        "memory_available", "MiB", "memory that programs could still have, at its lowest",
        _gauge("mem.available_min_bytes", MIB), half=4096.0,
        aliases=("mem_available", "memory_free", "mem_free"),
    ),
    StateMetric(
        "dirty_memory", "MiB", "written by programs and not yet on disk, at its highest",
        _gauge("mem.dirty_max_bytes", MIB), half=256.0, aliases=("dirty_pages", "memory_dirty", "mem_dirty"),
    ),
    StateMetric(
        "swap_used", "%", "swap space that is taken, at its highest",
        _filled("mem.swap_total_bytes", "mem.swap_free_min_bytes"),
        aliases=("swap_used_percent", "swap_usage", "swap_utilization", "swap_percent", "swap"),
    ),
    StateMetric("swap_in", "pages/s", "pages read back from swap", _rate("vm.pswpin"), half=1000.0),
    StateMetric("swap_out", "pages/s", "pages written to swap", _rate("vm.pswpout"), half=1000.0),
    StateMetric(
        "page_faults", "1/s", "page faults, the cheap ones too", _rate("vm.pgfault"), half=50_000.0,
        aliases=("page_fault_rate",),
    ),
    StateMetric(
        "major_page_faults", "1/s", "page faults that had to read", _rate("vm.pgmajfault"), half=500.0,
        aliases=("major_faults",),
    ),
    StateMetric(
        "load", "tasks per CPU", "the load average of one minute, divided by the CPUs", _load_per_cpu,
        half=1.0,
        aliases=(
            "load_average", "load_avg", "loadavg", "load_1min", "load1", "load_average_1m", "load_avg_1m",
            "system_load",
        ),
    ),
    StateMetric(
        "runnable_tasks", "tasks", "tasks that run or could, the larger end", _gauge("load.runnable_max"),
        half=8.0, aliases=("run_queue", "runnable"),
    ),
    StateMetric(
        "blocked_tasks", "tasks", "tasks that wait for I/O, the larger end", _gauge("sys.blocked_max"),
        half=8.0, aliases=("procs_blocked", "blocked"),
    ),
    StateMetric(
        "context_switches", "1/s", "switches from one task to another", _rate("sys.context_switches"),
        half=50_000.0,
        aliases=("context_switches_per_second", "context_switch_rate", "ctx_switches", "ctxt", "csw"),
    ),
    StateMetric("forks", "1/s", "processes and threads started", _rate("sys.forks"), half=500.0),
    StateMetric(
        "disk_read", "MiB/s", "read from disks", _rate("disk.read_bytes", unit=MIB), half=200.0,
        aliases=("disk_read_bytes", "disk_reads", "disk_read_rate", "disk_read_throughput"),
    ),
    StateMetric(
        "disk_write", "MiB/s", "written to disks", _rate("disk.written_bytes", unit=MIB), half=200.0,
        aliases=("disk_write_bytes", "disk_writes", "disk_write_rate", "disk_write_throughput"),
    ),
    StateMetric(
        "disk_operations", "1/s", "reads and writes that disks completed", _rate("disk.reads", "disk.writes"),
        half=5000.0, aliases=("iops", "disk_iops"),
    ),
    StateMetric(
        "disk_busy", "%", "time in which disks had work, of all together", _disk_busy,
        aliases=("disk_utilization", "disk_util", "disk_usage", "disk_io", "io_utilization", "io_util"),
    ),
    StateMetric(
        "network_received", "MiB/s", "received by all hosts of the target", _network(*_BYTES_IN, unit=MIB),
        half=100.0,
        aliases=("network_in", "network_rx", "net_rx", "net_in", "network_receive_rate"),
    ),
    StateMetric(
        "network_sent", "MiB/s", "sent by all hosts of the target", _network(*_BYTES_OUT, unit=MIB),
        half=100.0,
        aliases=("network_out", "network_tx", "net_tx", "net_out", "network_send_rate"),
    ),
    StateMetric(
        "tcp_retransmits", "1/s", "TCP segments sent again", _network(".Tcp.RetransSegs"), half=100.0,
        aliases=("retransmits", "tcp_retransmissions"),
    ),
    StateMetric(
        "cpu_pressure", "%", "time in which a task waited for a CPU", _pressure("cpu"),
        aliases=("psi_cpu", "cpu_psi", "cpu_pressure_some"),
    ),
    StateMetric(
        "memory_pressure", "%", "time in which a task waited for memory", _pressure("memory"),
        aliases=("psi_memory", "memory_psi", "mem_pressure", "memory_pressure_some"),
    ),
    StateMetric(
        "io_pressure", "%", "time in which a task waited for I/O", _pressure("io"),
        aliases=("psi_io", "io_psi", "io_pressure_some"),
    ),
)  # fmt: skip

METRICS: Mapping[str, StateMetric] = {one.name: one for one in _ALL}
"""Every metric by its name."""

DEFAULT = (
    "cpu_usage",
    "io_wait",
    "memory_used",
    "context_switches",
    "cpu_pressure",
    "memory_pressure",
    "io_pressure",
)
"""What an agent observes when a plan does not say."""

_BY_NAME: Mapping[str, StateMetric] = {name: one for one in _ALL for name in (one.name, *one.aliases)}
