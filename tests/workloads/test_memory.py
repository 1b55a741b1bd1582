import pytest

from kerntune.errors import PlanError, RunFailed
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads.load import memory as load
from kerntune.workloads.memory import Memory

SHORT = {"table_mib": 8, "duration_s": 0.1}


@pytest.mark.parametrize("access", ["read", "write", "mixed"])
def test_it_keeps_its_promises(access):
    """Real accesses, on this machine."""
    check_workload(Memory, {**SHORT, "access": access}, LocalPlace(), deadline_s=60)


def test_its_two_metrics_are_one_figure():
    """The mean time of an access is the reciprocal of the rate."""
    accesses, latency = Memory(SHORT).run(LocalPlace(), 60.0)

    assert accesses.value * latency.value == pytest.approx(1e9)


def test_every_page_of_the_table_is_written():
    """A page that was never written is the kernel's one page of zeros: reading it is no work."""
    table = load.filled(1 << 20)

    assert len(table) == 1 << 17
    assert table.min() == 1


def test_writes_are_written():
    """A load that only claims to write would be quick."""
    table = load.filled(1 << 20)

    load.accesses_per_second(table, "write", 0.01)

    assert (table != 1).any()


def test_the_load_asks_for_no_huge_pages():
    """It would hide the knob that is being tuned; numpy asks by itself from 4 MiB on."""
    assert load.CHUNK * 8 < 4 << 20
    assert not load.filled(8 << 20).flags.owndata


def test_a_table_beyond_the_free_memory_is_refused(tmp_path):
    """Before anything is started: the machine would swap, or end somebody else's program."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       4194304 kB\nMemAvailable:   1048576 kB\n")

    with pytest.raises(RunFailed, match="table of 1000 MiB does not fit: 1024 MiB") as caught:
        Memory({"table_mib": 1000}, meminfo=meminfo).run(LocalPlace(), 60.0)

    assert "table_mib" in caught.value.hint


def test_all_faults_of_the_options_are_told():
    """At once, each with its field."""
    with pytest.raises(PlanError) as caught:
        Memory({"table_mib": 0, "access": "chase", "duration_s": -1.0})

    assert [fault.field for fault in caught.value.faults] == ["table_mib", "access", "duration_s"]
