"""Facts and counters, read from made-up machines under tmp_path and from this one."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kerntune.catalog import load
from kerntune.host import (
    COMPARED,
    TOLERANCE,
    HostFacts,
    circumstances,
    comparable,
    difference,
    facts,
    snapshot,
)

FACTS = HostFacts(
    kernel="6.18.1",
    kernel_version="#1 SMP",
    architecture="x86_64",
    cpu_model="AMD EPYC",
    cpus=2,
    memory_bytes=25_000_000_000,
    numa_nodes=1,
    virtualization="kvm",
    governor="performance",
    swap_bytes=0,
    distribution="Debian",
    thp="madvise",
    clocksource="tsc",
    boot_id="one",
)

FILES = {
    "proc/cpuinfo": (
        "processor\t: 0\nmodel name\t: Old Xeon\nflags\t\t: fpu vme\n\n"
        "processor\t: 1\nmodel name\t: Old Xeon\nflags\t\t: fpu vme\n"
    ),
    "proc/meminfo": (
        "MemTotal:  1000 kB\nMemAvailable:  600 kB\nDirty:  8 kB\nSwapTotal: 10 kB\nSwapFree: 9 kB\n"
    ),
    "proc/sys/kernel/osrelease": "5.10.0-21\n",
    "proc/sys/kernel/version": "#1 SMP Debian\n",
    "proc/sys/kernel/arch": "x86_64\n",
    "proc/sys/kernel/random/boot_id": "abc\n",
    "proc/stat": (
        "cpu  100 0 50 800 40 0 10 0 0 0\ncpu0 50 0 25 400 20 0 5 0 0 0\n"
        "intr 1\nctxt 1000\nprocesses 10\nprocs_blocked 3\n"
    ),
    "proc/vmstat": "pgfault 100\nnr_free_pages 5\npswpin 1\n",
    "proc/loadavg": "0.20 0.18 0.12 2/80 11206\n",
    "proc/pressure/cpu": (
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=500\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    ),
    "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n',
    "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
    "sys/devices/system/node/node0/cpulist": "0\n",
    "sys/devices/system/node/node1/cpulist": "1\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_facts_are_read_from_the_machine(machine):
    """Every fact comes from its file."""
    assert facts(machine) == HostFacts(
        kernel="5.10.0-21",
        kernel_version="#1 SMP Debian",
        architecture="x86_64",
        cpu_model="Old Xeon",
        cpus=2,
        memory_bytes=1_024_000,
        numa_nodes=2,
        virtualization="",
        governor="performance powersave",
        swap_bytes=10_240,
        distribution="Debian GNU/Linux 11 (bullseye)",
        thp="always",
        clocksource="hpet",
        boot_id="abc",
    )


def test_an_empty_machine_has_no_facts_but_no_error_either(tmp_path):
    """Nothing readable: texts are empty, numbers 0; only the architecture is asked of the C library."""
    bare = facts(tmp_path)

    assert (bare.kernel, bare.cpus, bare.memory_bytes, bare.governor) == ("", 0, 0, "")
    assert bare.architecture == os.uname().machine
    assert snapshot(root=tmp_path) == {}
    assert difference({}, {}) == {}


def test_facts_of_this_machine_are_sane():
    """The running kernel tells its own name, CPUs and memory."""
    here = facts()

    assert here.kernel == os.uname().release
    assert here.cpus >= 1
    assert here.memory_bytes > 0
    assert here.boot_id
    assert comparable(here, facts()) == ()


def test_a_guest_and_a_container_are_told(machine):
    """The hypervisor flag with the board's vendor, and systemd's container file."""
    write(machine, "proc/cpuinfo", "processor : 0\nmodel name : X\nflags : fpu hypervisor\n")
    write(machine, "sys/class/dmi/id/sys_vendor", "QEMU\n")
    write(machine, "run/systemd/container", "podman\n")

    assert facts(machine).virtualization == "podman in QEMU"


def test_a_board_vendor_alone_is_no_guest(machine):
    """Bare metal has a vendor, too."""
    write(machine, "sys/class/dmi/id/sys_vendor", "Dell Inc.\n")

    assert facts(machine).virtualization == ""


def test_an_arm_cpu_is_named_by_its_part(machine):
    """ARM kernels print numbers instead of a model name."""
    write(machine, "proc/cpuinfo", "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c\n")

    assert facts(machine).cpu_model == "0x41 0xd0c"


@pytest.mark.parametrize("name", COMPARED)
def test_each_compared_fact_forbids_comparing(name):
    """One fact different: that one is named, and no other."""
    value = getattr(FACTS, name)
    other = replace(FACTS, **{name: value * 2 + 1 if isinstance(value, int) else "other"})

    differences = comparable(FACTS, other)

    assert len(differences) == 1
    assert differences[0].startswith(f"{name}: ")


def test_boot_and_distribution_do_not_forbid_comparing():
    """The same machine after a restart and a point release."""
    assert comparable(FACTS, replace(FACTS, boot_id="two", distribution="Debian 12.9")) == ()


def test_a_little_less_memory_is_the_same_machine():
    """The kernel keeps a little more for itself: within 1 %, not beyond."""
    memory = FACTS.memory_bytes
    within, beyond = int(memory * 0.995), int(memory * (1 - 2 * TOLERANCE["memory_bytes"]))

    assert comparable(FACTS, replace(FACTS, memory_bytes=within)) == ()
    assert comparable(FACTS, replace(FACTS, memory_bytes=beyond)) != ()


def test_difference_gives_shares_counts_and_the_worse_end(machine):
    """Of 100 ticks, 60 were idle or waiting; memory is the lower of two levels, counts are differences."""
    before = snapshot(root=machine)
    write(
        machine, "proc/stat", "cpu  120 0 60 850 50 0 10 10 0 0\nctxt 1500\nprocesses 12\nprocs_blocked 1\n"
    )
    write(machine, "proc/meminfo", "MemAvailable:  500 kB\nDirty:  4 kB\nSwapFree: 9 kB\n")
    write(machine, "proc/vmstat", "pgfault 130\nnr_free_pages 9\npswpin 1\n")
    write(machine, "proc/loadavg", "0.30 0.18 0.12 1/80 11206\n")
    write(machine, "proc/pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=900\n")

    moved = difference(before, snapshot(root=machine))

    assert moved["cpu.busy_share"] == pytest.approx(0.4)
    assert moved["cpu.system_share"] == pytest.approx(0.1)
    assert moved["cpu.steal_share"] == pytest.approx(0.1)
    assert moved["psi.cpu.some_us"] == 400
    assert moved["mem.available_min_bytes"] == 500 * 1024
    assert moved["mem.dirty_max_bytes"] == 8 * 1024
    assert moved["sys.context_switches"] == 500
    assert moved["sys.forks"] == 2
    assert moved["sys.blocked_max"] == 3
    assert moved["vm.pgfault"] == 30
    assert moved["vm.pswpin"] == 0
    assert moved["load.1min"] == 0.3
    assert "psi.cpu.full_us" not in moved
    assert "vm.nr_free_pages" not in moved
    assert "mem.available_bytes" not in moved


def test_disks_are_counted_and_their_partitions_are_not(machine):
    """In bytes and milliseconds, all disks together; what only stands upon a disk would count twice."""
    (machine / "sys/block/vda/device").mkdir(parents=True)
    (machine / "sys/block/vdb/device").mkdir(parents=True)
    (machine / "sys/block/dm-0").mkdir(parents=True)
    row = "7 1 16 3 5 1 8 2 0 40 5 0 0 0 0 0 0"
    names = ("253 0 vda", "253 1 vda1", "253 16 vdb", "252 0 dm-0")
    write(machine, "proc/diskstats", "\n".join(f"{name} {row}" for name in names) + "\n254 0 short 1\n")

    counted = {name: value for name, value in snapshot(root=machine).items() if name.startswith("disk.")}

    assert counted == {
        "disk.reads": 14,
        "disk.read_bytes": 2 * 16 * 512,
        "disk.writes": 10,
        "disk.written_bytes": 2 * 8 * 512,
        "disk.busy_ms": 80,
    }


def test_network_counters_become_differences_without_the_still_ones(machine):
    """Counters given in are named net.…; hundreds never move, and are left out."""
    before = snapshot({"client.Tcp.RetransSegs": 5.0, "client.Tcp.InErrs": 2.0}, root=machine)
    after = snapshot({"client.Tcp.RetransSegs": 9.0, "client.Tcp.InErrs": 2.0}, root=machine)

    moved = {name: value for name, value in difference(before, after).items() if name.startswith("net.")}

    assert moved == {"net.client.Tcp.RetransSegs": 4.0}


def test_a_clock_that_did_not_tick_gives_no_shares(machine):
    """Two snapshots within one tick: no share is known, so none is reported."""
    still = snapshot(root=machine)

    assert not any(name.startswith("cpu.") for name in difference(still, still))


def test_snapshots_of_this_machine_move_forward():
    """Real counters: context switches never go back, available memory is positive."""
    before = snapshot()
    after = snapshot()

    assert difference(before, after)["sys.context_switches"] >= 0
    assert after["mem.available_bytes"] > 0


SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def small_machine(root: Path, **texts: str) -> Path:
    """Makes a machine on which all circumstances hold, but for the files given (`__` for a slash)."""
    files = {
        "proc/swaps": SWAPS,
        "proc/stat": "cpu  1 0 0 9\ncpu0 1 0 0 9\nctxt 5\n",
        "proc/self/cgroup": "5:devices:/\n4:memory:/jobs/one\n1:cpu,cpuacct:/\n0::/\n",
        "sys/devices/system/node/has_memory": "0\n",
    }
    for name, text in {**files, **{name.replace("__", "/"): text for name, text in texts.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_circumstances_have_their_reasons(tmp_path: Path) -> None:
    """No swap, one node, one CPU, and a control group that has a swappiness of its own."""
    found = circumstances(small_machine(tmp_path))

    assert set(found) == {"no swap", "one NUMA node", "one CPU", "memory cgroup v1"}
    assert "no swap space" in found["no swap"]
    assert "jobs/one" in found["memory cgroup v1"]


@pytest.mark.parametrize(
    ("file", "text", "circumstance"),
    [
        ("proc__swaps", SWAPS + "/dev/zram0 partition 100 0 100\n", "no swap"),
        ("proc__stat", "cpu  1 0 0 9\ncpu0 1 0 0 9\ncpu1 1 0 0 9\n", "one CPU"),
        ("sys__devices__system__node__has_memory", "0-1\n", "one NUMA node"),
        ("sys__devices__system__node__has_memory", "0,2\n", "one NUMA node"),
        ("proc__self__cgroup", "4:memory:/\n0::/\n", "memory cgroup v1"),
        ("proc__self__cgroup", "0::/user.slice/session-1.scope\n", "memory cgroup v1"),
    ],
)
def test_what_does_not_hold_is_no_circumstance(
    tmp_path: Path, file: str, text: str, circumstance: str
) -> None:
    """A swap space, a second CPU or node, the root group, or groups of version 2."""
    assert circumstance not in circumstances(small_machine(tmp_path, **{file: text}))


def test_a_machine_that_tells_nothing_has_no_circumstances(tmp_path: Path) -> None:
    """Better a knob that does nothing than one that is missed."""
    assert circumstances(tmp_path) == {}


def test_every_inert_knob_names_a_circumstance_that_can_be_found(tmp_path: Path) -> None:
    """A word that nobody ever says would never leave a knob out."""
    known = circumstances(small_machine(tmp_path)).keys()
    named = {word for knob in load().knobs.values() for word in knob.inert_when}

    assert named == known
