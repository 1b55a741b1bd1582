"""What does not go back stays on record: refused values, unknown knobs, full disks, crashes."""

import os
from dataclasses import replace

import pytest

from kerntune.errors import HandError, StoreError, TargetError
from kerntune.hand.change import Change
from kerntune.hand.journal import Journal, sole_lock
from kerntune.keep import Keeper, Occasion
from kerntune.keep.record import Ledger
from kerntune.keep.render import SYSCTL_D, TMPFILES_D

NOW = Occasion("run-a", "", 1.8e9, "6.18.1", "boot-1")
SWAPPINESS, RATIO, THP = "vm.swappiness", "vm.dirty_ratio", "mm.transparent_hugepage.enabled"
FILE = "/proc/sys/vm/swappiness"


def test_a_value_the_kernel_does_not_take_back_stays_on_record_until_a_restart(machine):
    """No file sets it any more; a second undo tries again."""
    machine.apply("run-a", {SWAPPINESS: 10, RATIO: 10})
    machine.kernel.refused.add("60")

    undone = machine.keeper.undo("run-a")
    assert undone.stuck == (SWAPPINESS,)
    assert machine.text(SYSCTL_D) is None
    (rest,) = machine.keeper.ledger.runs
    assert (rest.config, rest.permanent) == ({SWAPPINESS: 10}, False)
    machine.kernel.refused.clear()
    again = machine.keeper.undo("run-a")

    assert again.stuck == ()
    assert machine.kernel.files[FILE] == "60"
    assert machine.keeper.ledger == Ledger()


def test_what_a_failed_attempt_cannot_take_back_is_on_record_and_told(machine):
    """The error names both, and the way."""
    machine.kernel.refused |= {"always", "60"}

    with pytest.raises(HandError, match=r"always.*does not take back vm\.swappiness") as caught:
        machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})

    assert caught.value.hint.startswith("kerntune undo run-a")
    machine.kernel.refused.clear()
    machine.keeper.undo("run-a")
    assert machine.kernel.files[FILE] == "60"


def test_of_a_run_that_was_kept_before_the_attempt_changes_only_the_way_back(machine):
    """Its files stay as they were."""
    machine.apply("run-a", {SWAPPINESS: 10})
    machine.kernel.refused |= {"always", "10"}

    with pytest.raises(HandError):
        machine.apply("run-a", {SWAPPINESS: 20, THP: "always"})

    assert "vm.swappiness = 10\n" in machine.text(SYSCTL_D)
    machine.kernel.refused.clear()
    machine.keeper.undo("run-a")
    assert machine.kernel.files[FILE] == "60"


@pytest.mark.parametrize("earlier", [{}, {RATIO: 10}])
def test_a_disk_that_fills_up_leaves_no_false_record(machine, earlier):
    """Nothing can be written any more, and still nothing is changed; the first error is told."""
    if earlier:
        machine.apply("run-0", earlier)
    ledger, before, text = machine.keeper.ledger, dict(machine.kernel.files), machine.text(SYSCTL_D)
    write = machine.kernel.write

    def fill(knob, words):
        (machine.home.kept / f".kept.json.{os.getpid()}.new").mkdir(exist_ok=True)
        write(knob, words)

    machine.kernel.write = fill
    with pytest.raises(StoreError, match=r"cannot write .*kept\.json"):
        machine.apply("run-a", {SWAPPINESS: 10})

    assert machine.kernel.files == before
    assert machine.keeper.ledger == ledger
    assert machine.text(SYSCTL_D) == text


def test_no_file_is_replaced_when_there_is_no_room_for_all(machine):
    """Their texts are on disk before the first takes its place."""
    machine.apply("run-0", {RATIO: 10})
    text = machine.text(SYSCTL_D)
    tmpfiles = machine.root / TMPFILES_D.lstrip("/")
    tmpfiles.parent.mkdir(parents=True)
    tmpfiles.with_name(f".{tmpfiles.name}.{os.getpid()}.new").mkdir()

    with pytest.raises(Exception, match=r"kerntune\.conf"):
        machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})

    assert machine.text(SYSCTL_D) == text
    assert machine.keeper.verify()[-1].state == "same"


def test_a_full_disk_keeps_undo_from_beginning(machine):
    """What cannot be recorded is not done."""
    machine.apply("run-a", {SWAPPINESS: 10})
    (machine.home.kept / f".kept.json.{os.getpid()}.new").mkdir()

    with pytest.raises(StoreError):
        machine.keeper.undo("run-a")

    assert machine.kernel.files[FILE] == "10"


def test_a_knob_that_the_catalogue_dropped_is_told_with_its_file(machine, known):
    """An upgrade must not lose the way back."""
    machine.apply("run-a", {SWAPPINESS: 10, RATIO: 10})
    fewer = replace(known, knobs={name: knob for name, knob in known.knobs.items() if name != SWAPPINESS})
    newer = Keeper(machine.panel(fewer), machine.home)
    note = f"{SWAPPINESS} of run run-a is not in the catalogue any more"
    assert note in newer.propose(replace(NOW, run_id="run-b"), {RATIO: 15}).notes

    undone = newer.undo("run-a")

    assert undone.stuck == (SWAPPINESS,)
    (told,) = [outcome for outcome in undone.outcomes if outcome.knob == SWAPPINESS]
    assert (told.state, told.old) == ("failed", 60)
    assert told.detail.endswith(f"its file is {FILE}")
    assert newer.ledger.runs[0].before[SWAPPINESS] == 60


def test_what_was_kept_until_a_restart_is_over_after_it(machine, known):
    """The kernel forgot, and so does the record."""
    machine.apply("run-a", {SWAPPINESS: 10}, permanent=False)
    machine.apply("run-b", {RATIO: 10})
    machine.kernel.files[FILE] = "60"
    later = Keeper(machine.panel(known), replace(machine.home, boot="boot-2"))

    assert [run.run_id for run in later.ledger.runs] == ["run-b"]
    assert {found.state for found in later.verify()} == {"same"}


def test_what_a_crash_left_is_not_recorded_as_what_was_there_before(machine):
    """Its journal is replayed first."""
    change = Change(1, SWAPPINESS, ("60",), ("30",))
    journal = Journal.create(machine.home.journals)
    journal.intend([change])
    machine.kernel.files[FILE] = "30"
    journal.close()

    (recovered,) = machine.keeper.recover("test")
    machine.apply("run-a", {SWAPPINESS: 10})
    machine.keeper.undo("run-a")

    assert recovered.state == "replayed"
    assert machine.kernel.files[FILE] == "60"


def test_nothing_is_kept_while_a_crashs_values_cannot_go_back(machine):
    """But what is kept can be taken back: nobody's way back is shut."""
    machine.apply("run-a", {SWAPPINESS: 10})
    proposal = machine.propose("run-b", {RATIO: 10})
    (machine.home.journals / "1-1.journal").write_text("torn")

    with pytest.raises(TargetError, match="may still be applied"):
        machine.keeper.apply(proposal)
    machine.keeper.undo("run-a")

    assert machine.kernel.files[FILE] == "60"


def test_nothing_is_kept_or_undone_while_a_study_turns_knobs(machine):
    """It is named."""
    machine.apply("run-a", {SWAPPINESS: 10})
    proposal = machine.propose("run-b", {RATIO: 10})
    lock = sole_lock(machine.home.journals, "study-x")
    try:
        for attempt in (lambda: machine.keeper.apply(proposal), lambda: machine.keeper.undo("run-a")):
            with pytest.raises(HandError, match="study-x") as caught:
                attempt()
            assert caught.value.kind == "busy"
    finally:
        lock.release()

    assert machine.kernel.files[FILE] == "10"


def test_nothing_but_the_record_is_left_beside_it(machine):
    """No second name of an older one, no journal."""
    machine.apply("run-a", {SWAPPINESS: 10})

    assert list(machine.home.journals.iterdir()) == []
    assert sorted(path.name for path in machine.home.kept.iterdir()) == ["kept.json", "kept.lock"]
