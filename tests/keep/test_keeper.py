"""Keeping and taking back: the record first, everything back on failure, and nobody else's work touched."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.errors import HandError, InputError, PlanError, StoreError, TargetError
from kerntune.keep import Occasion, shelf
from kerntune.keep.record import Ledger
from kerntune.keep.render import SYSCTL_D, TMPFILES_D

SWAPPINESS, RATIO, BYTES = "vm.swappiness", "vm.dirty_ratio", "vm.dirty_bytes"
MAX, THP = "net.ipv4.tcp_wmem:max", "mm.transparent_hugepage.enabled"
SCHEDULER, REQUESTS = "block.vda.queue.scheduler", "block.vda.queue.nr_requests"
NOW = Occasion("run-a", "", 1.8e9, "6.18.1", "boot-1")


def test_what_is_kept_is_in_the_kernel_and_in_the_files(machine):
    """Now and at every boot; vectors whole, sysfs by tmpfiles.d."""
    machine.apply("run-a", {SWAPPINESS: 10, MAX: 67108864, THP: "always"})

    assert machine.kernel.files["/proc/sys/net/ipv4/tcp_wmem"] == "4096 16384 67108864"
    assert "net.ipv4.tcp_wmem = 4096 16384 67108864\n" in machine.text(SYSCTL_D)
    assert "w /sys/kernel/mm/transparent_hugepage/enabled - - - - always\n" in machine.text(TMPFILES_D)


def test_a_proposal_changes_nothing_and_shows_the_diff(machine):
    """Shown first, asked then."""
    proposal = machine.keeper.propose(NOW, {SWAPPINESS: 10})

    assert "--- /dev/null\n+++ /etc/sysctl.d/90-kerntune.conf\n" in proposal.diff
    assert "+vm.swappiness = 10\n" in proposal.diff
    assert machine.kernel.writes == []
    assert not machine.root.exists()
    assert machine.keeper.ledger == Ledger()


def test_undo_months_later_brings_every_value_back_and_removes_the_files(machine):
    """Also what the kernel changed by itself when a knob was set."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {SWAPPINESS: 10, MAX: 67108864, THP: "always", SCHEDULER: "mq-deadline"})
    assert machine.kernel.files["/proc/sys/vm/min_free_kbytes"] == "45056"

    undone = machine.keeper.undo("run-a")

    assert {outcome.state for outcome in undone.outcomes} == {"restored"}
    assert machine.kernel.files == before
    assert machine.text(SYSCTL_D) is machine.text(TMPFILES_D) is None
    assert machine.keeper.ledger == Ledger()


def test_of_two_limits_that_exclude_each_other_the_one_that_was_set_comes_back(machine):
    """0 bytes cannot be written; the ratio can, and makes the kernel forget the bytes."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {BYTES: 268435456})
    assert machine.kernel.files["/proc/sys/vm/dirty_ratio"] == "0"

    machine.keeper.undo("run-a")

    assert machine.kernel.files == before


def test_after_a_restart_without_the_files_there_is_nothing_to_write(machine):
    """The kernel forgot; the record goes all the same."""
    machine.apply("run-a", {SWAPPINESS: 10}, permanent=False)
    assert machine.text(SYSCTL_D) is None
    machine.kernel.files["/proc/sys/vm/swappiness"] = "60"
    machine.kernel.writes.clear()

    undone = machine.keeper.undo("run-a")

    assert [outcome.state for outcome in undone.outcomes] == ["already"]
    assert machine.kernel.writes == []


def test_a_knob_somebody_else_changed_is_left_alone_and_told(machine):
    """The administrator's later word counts."""
    machine.apply("run-a", {SWAPPINESS: 10, RATIO: 10})
    machine.kernel.files["/proc/sys/vm/swappiness"] = "33"

    undone = machine.keeper.undo("run-a")

    assert {outcome.knob: outcome.state for outcome in undone.outcomes} == {
        SWAPPINESS: "left",
        RATIO: "restored",
    }
    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "33"


def test_a_limit_somebody_set_meanwhile_is_not_zeroed_by_bringing_its_twin_back(machine):
    """Writing the ratio would make the kernel forget their bytes."""
    machine.apply("run-a", {BYTES: 268435456})
    machine.kernel.files["/proc/sys/vm/dirty_bytes"] = "134217728"

    undone = machine.keeper.undo("run-a")

    assert machine.kernel.files["/proc/sys/vm/dirty_bytes"] == "134217728"
    assert {outcome.state for outcome in undone.outcomes} == {"left"}


def test_a_file_somebody_else_changed_is_left_alone_and_told(machine):
    """Their lines may be in it."""
    machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})
    (machine.root / SYSCTL_D.lstrip("/")).write_text("vm.swappiness = 5\n")
    assert "stays as it is" in machine.keeper.withdraw("run-a").notes[0]

    undone = machine.keeper.undo("run-a")

    assert undone.left_files == (SYSCTL_D,)
    assert machine.text(SYSCTL_D) == "vm.swappiness = 5\n"
    assert machine.text(TMPFILES_D) is None


def test_a_device_that_is_gone_does_not_keep_the_rest_from_going_back(machine):
    """Disks are pulled."""
    machine.apply("run-a", {SWAPPINESS: 10, REQUESTS: 512})
    del machine.kernel.files["/sys/block/vda/queue/nr_requests"]

    undone = machine.keeper.undo("run-a")

    assert {outcome.knob: outcome.state for outcome in undone.outcomes} == {
        SWAPPINESS: "restored",
        REQUESTS: "gone",
    }


def test_the_later_of_two_runs_counts_and_either_can_go(machine):
    """And a comment in the file says so."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {SWAPPINESS: 10, MAX: 33554432})
    machine.apply("run-b", {SWAPPINESS: 1})

    assert "vm.swappiness = 1\n" in machine.text(SYSCTL_D)
    assert "# vm.swappiness = 10 of run run-a gave way to run run-b" in machine.text(SYSCTL_D)

    machine.keeper.undo("run-a")
    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "1"
    assert machine.kernel.files["/proc/sys/net/ipv4/tcp_wmem"].endswith(" 4194304")
    assert "tcp_wmem" not in machine.text(SYSCTL_D)

    machine.keeper.undo("run-b")
    assert machine.kernel.files == before


def test_undoing_the_later_run_brings_the_earlier_ones_value_back(machine):
    """Not the one from before both."""
    machine.apply("run-a", {RATIO: 10})
    machine.apply("run-b", {BYTES: 268435456})

    machine.keeper.undo("run-b")

    assert machine.kernel.files["/proc/sys/vm/dirty_ratio"] == "10"
    assert "vm.dirty_ratio = 10\n" in machine.text(SYSCTL_D)


def test_keeping_a_run_twice_does_not_forget_what_was_there_before(machine):
    """Its own values are no way back."""
    machine.apply("run-a", {SWAPPINESS: 10})
    machine.apply("run-a", {SWAPPINESS: 10})

    machine.keeper.undo("run-a")

    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "60"


def test_keeping_a_run_anew_after_another_leaves_both_a_way_back(machine):
    """The other one found the first one's values, and they are no way back either."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {BYTES: 268435456})
    machine.apply("run-b", {RATIO: 10})
    machine.apply("run-a", {BYTES: 268435456})

    machine.keeper.undo("run-b")
    machine.keeper.undo("run-a")

    assert machine.kernel.files == before


def test_a_value_the_kernel_refuses_leaves_no_trace(machine):
    """All or nothing: the first knob goes back, no file is written, nothing is recorded."""
    before = dict(machine.kernel.files)
    machine.kernel.refused.add("always")

    with pytest.raises(HandError, match="always"):
        machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})

    assert machine.kernel.files == before
    assert machine.text(SYSCTL_D) is None
    assert machine.keeper.ledger == Ledger()


def test_a_file_that_cannot_be_written_takes_the_kernel_back_too(machine):
    """/etc may be read-only: then nothing is half kept."""
    before = dict(machine.kernel.files)
    machine.root.mkdir()
    (machine.root / "etc").write_text("in the way")

    with pytest.raises(TargetError, match=r"90-kerntune\.conf"):
        machine.apply("run-a", {SWAPPINESS: 10})

    assert machine.kernel.files == before
    assert machine.keeper.ledger == Ledger()


def test_the_record_is_on_disk_before_the_kernel_is_written(machine, tmp_path):
    """A power cut in between must leave a way back; here the kernel ends the process instead."""

    class Ended(BaseException):
        pass

    def end(knob, words):
        record = json.loads((tmp_path / "state/kept.json").read_text())
        assert record["ledger"]["runs"][0]["before"][BYTES] == 0
        assert machine.text(SYSCTL_D) is None
        if knob.path.endswith("dirty_bytes"):
            write(knob, words)
            raise Ended

    write, machine.kernel.write = machine.kernel.write, end
    before = dict(machine.kernel.files)
    with pytest.raises(Ended):
        machine.apply("run-a", {BYTES: 268435456})
    machine.kernel.write = write
    assert machine.kernel.files["/proc/sys/vm/dirty_ratio"] == "0"

    machine.keeper.undo("run-a")

    assert machine.kernel.files == before
    assert machine.keeper.ledger == Ledger()


def test_an_undo_that_was_interrupted_is_finished_by_the_next(machine):
    """Between the kernel and the files, and between the files and the record."""
    machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})
    blocked = machine.root / TMPFILES_D.lstrip("/")
    text = blocked.read_text()
    blocked.unlink()
    blocked.mkdir()
    with pytest.raises(TargetError):
        machine.keeper.undo("run-a")
    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "10"
    blocked.rmdir()
    blocked.write_text(text)

    machine.keeper.undo("run-a")

    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "60"
    assert machine.text(SYSCTL_D) is machine.text(TMPFILES_D) is None


def test_files_left_by_a_crash_between_record_and_file_are_still_ours(machine):
    """The text before counts as well as the new one."""
    machine.apply("run-a", {SWAPPINESS: 10})
    old = machine.text(SYSCTL_D)
    machine.apply("run-b", {RATIO: 10})
    (machine.root / SYSCTL_D.lstrip("/")).write_text(old)

    assert machine.keeper.withdraw("run-b").notes == ()
    assert machine.keeper.undo("run-b").left_files == ()


def test_a_file_of_ours_that_was_there_before_us_is_not_overwritten(machine):
    """An administrator, or an Ansible role of ours, may have put it there."""
    path = machine.root / SYSCTL_D.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_text("vm.swappiness = 5\n")
    proposal = machine.keeper.propose(NOW, {SWAPPINESS: 10})
    assert "-vm.swappiness = 5\n" in proposal.diff

    with pytest.raises(InputError, match="somebody else wrote to"):
        machine.keeper.apply(proposal)
    machine.keeper.apply(proposal, overwrite=True)

    assert "vm.swappiness = 10\n" in machine.text(SYSCTL_D)


def test_a_machine_that_changed_while_the_user_was_asked_is_looked_at_again(machine):
    """What was agreed to is what is done."""
    proposal = machine.keeper.propose(NOW, {SWAPPINESS: 10})
    machine.kernel.files["/proc/sys/vm/swappiness"] = "33"

    with pytest.raises(InputError, match="not as it was"):
        machine.keeper.apply(proposal)


@pytest.mark.parametrize("name", ["vm.drop_caches", "no.such.knob", "block.sdz.queue.scheduler"])
def test_what_cannot_be_set_here_cannot_be_kept(machine, name):
    """Dangers, unknown names and devices that are not there; every one is named."""
    with pytest.raises(PlanError, match=name):
        machine.keeper.propose(NOW, {SWAPPINESS: 10, name: 1})


def test_a_run_that_is_not_kept_cannot_be_undone(machine):
    """Those that are, are named."""
    machine.apply("run-a", {SWAPPINESS: 10})

    with pytest.raises(InputError) as caught:
        machine.keeper.undo("run-x")

    assert caught.value.hint == "kept are: run-a"


def test_another_kernels_values_are_told(machine):
    """Its defaults may have been others."""
    machine.apply("run-a", {SWAPPINESS: 10})

    assert "Linux 6.18.1" in machine.keeper.withdraw("run-a", "6.19.0").notes[0]
    assert machine.keeper.withdraw("run-a", "6.18.1").notes == ()


def test_two_at_a_time_are_refused(machine, tmp_path):
    """One writer."""
    with shelf.opened(tmp_path / "state"), pytest.raises(StoreError, match="another kerntune"):
        machine.apply("run-a", {SWAPPINESS: 10})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "ledger": {"runs": 3}}', "[" * 9999]
)
def test_a_damaged_record_is_an_error_that_says_so(machine, tmp_path, text):
    """Never a traceback, never an empty record."""
    machine.apply("run-a", {SWAPPINESS: 10})
    (tmp_path / "state/kept.json").write_text(text)

    with pytest.raises(StoreError, match=r"kept\.json"):
        machine.keeper.withdraw("run-a")


def test_a_directory_that_others_may_write_to_is_not_believed(machine, tmp_path):
    """Root takes values from it."""
    machine.apply("run-a", {SWAPPINESS: 10})
    (tmp_path / "state").chmod(0o777)

    with pytest.raises(StoreError, match="others may write"):
        machine.keeper.undo("run-a")


def test_a_ledger_survives_the_disk(machine, tmp_path):
    """Words stay words and numbers numbers."""
    kept = machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})

    assert machine.keeper.ledger.runs == (kept,)
    assert kept.effective[THP] == "always"
    assert replace(kept, effective={}).ours(SWAPPINESS) == 10
    assert (tmp_path / "state/kept.json").stat().st_mode & 0o777 == 0o644


CONFIGS = (
    {SWAPPINESS: 10},
    {SWAPPINESS: 1, RATIO: 10},
    {BYTES: 268435456, MAX: 33554432},
    {BYTES: 134217728, THP: "always"},
    {"net.ipv4.tcp_wmem:default": 65536, SCHEDULER: "mq-deadline", REQUESTS: 128},
    {MAX: 67108864, SCHEDULER: "mq-deadline", THP: "never"},
    {REQUESTS: 512, "vm.min_free_kbytes": 20000},
)
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, len(CONFIGS) - 1)), max_size=7)


@settings(deadline=None, max_examples=25)
@given(STEPS, st.randoms(use_true_random=False))
def test_runs_that_come_and_go_in_any_order_leave_nothing(new_machine, steps, random):
    """Whoever shares a vector, excludes or disturbs whom, also kept anew: at the end all is as it was."""
    machine = new_machine()
    before = dict(machine.kernel.files)
    for is_kept, run, config in steps:
        kept = machine.keeper.ledger.run(f"run-{run}") is not None
        if is_kept:
            machine.apply(f"run-{run}", CONFIGS[config])
        elif kept:
            machine.keeper.undo(f"run-{run}")
        assert {found.state for found in machine.keeper.verify()} <= {"same"}
    rest = [run.run_id for run in machine.keeper.ledger.runs]
    random.shuffle(rest)
    for run_id in rest:
        machine.keeper.undo(run_id)

    assert dict(machine.kernel.files) == before
    assert not [file for file in machine.root.rglob("*") if file.is_file()]
