"""Runs that meet: one that is kept anew with other knobs, and one that disturbs what another keeps."""

from dataclasses import replace

import pytest

from kerntune.errors import HandError
from kerntune.keep import Kept, Occasion
from kerntune.keep.render import SYSCTL_D, TMPFILES_D
from kerntune.keep.values import settle

WHEN = Occasion("run-a", "", 1.8e9, "6.18.1", "boot-1")
SWAPPINESS, RATIO, BYTES = "vm.swappiness", "vm.dirty_ratio", "vm.dirty_bytes"
WMEM = "net.ipv4.tcp_wmem"
FREE, THP = "vm.min_free_kbytes", "mm.transparent_hugepage.enabled"
SCHEDULER, REQUESTS = "block.vda.queue.scheduler", "block.vda.queue.nr_requests"
QUEUE = "/sys/block/vda/queue/nr_requests"


def states(machine):
    return {found.state for found in machine.keeper.verify()}


def test_a_knob_that_a_run_dropped_goes_back(machine):
    """In the kernel, in the files, and so in no record it is needed any more."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {SWAPPINESS: 10, RATIO: 10, f"{WMEM}:max": 67108864, THP: "always"})
    proposal = machine.propose("run-a", {RATIO: 15, f"{WMEM}:default": 65536})
    assert {change.file for change in proposal.dropped} == {SWAPPINESS, WMEM, THP, FREE}

    machine.keeper.apply(proposal)

    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "60"
    assert machine.kernel.files["/proc/sys/vm/min_free_kbytes"] == "11000"
    assert machine.kernel.files["/proc/sys/net/ipv4/tcp_wmem"] == "4096 65536 4194304"
    assert "swappiness" not in machine.text(SYSCTL_D)
    assert machine.text(TMPFILES_D) is None
    machine.keeper.undo("run-a")
    assert machine.kernel.files == before


def test_a_knob_that_somebody_else_set_is_left_alone_when_a_run_drops_it(machine):
    """As by undo."""
    machine.apply("run-a", {SWAPPINESS: 10, RATIO: 10})
    machine.kernel.files["/proc/sys/vm/swappiness"] = "33"

    machine.apply("run-a", {RATIO: 10})

    assert machine.kernel.files["/proc/sys/vm/swappiness"] == "33"


def test_a_run_may_change_over_to_what_its_knob_excludes(machine):
    """0 bytes cannot be written."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {BYTES: 268435456})
    machine.apply("run-a", {RATIO: 10})
    assert machine.kernel.files["/proc/sys/vm/dirty_bytes"] == "0"

    machine.keeper.undo("run-a")

    assert machine.kernel.files == before


def test_a_run_kept_anew_may_ask_for_less_than_it_had_made(machine):
    """The floor is what was there before it, not what it or its huge pages left."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {THP: "always"})
    machine.apply("run-a", {FREE: 40000})
    machine.apply("run-a", {FREE: 20000})
    assert machine.kernel.files["/proc/sys/vm/min_free_kbytes"] == "20000"

    machine.keeper.undo("run-a")

    assert machine.kernel.files == before


def test_a_later_run_may_ask_for_less_than_an_earlier_one_made(machine):
    """The floor is what was there before both."""
    machine.apply("run-a", {FREE: 40000})
    machine.apply("run-b", {FREE: 20000})
    machine.kernel.files["/proc/sys/vm/min_free_kbytes"] = "60000"

    with pytest.raises(HandError, match="below 60000"):
        machine.apply("run-c", {FREE: 30000})


def test_a_run_that_fails_anew_is_kept_as_it_was(machine):
    """What it dropped is set again."""
    machine.apply("run-a", {SWAPPINESS: 10, f"{WMEM}:max": 67108864})
    kept, before = machine.keeper.ledger, dict(machine.kernel.files)
    machine.kernel.refused.add("always")

    with pytest.raises(HandError, match="always"):
        machine.apply("run-a", {f"{WMEM}:default": 65536, THP: "always"})

    assert machine.kernel.files == before
    assert machine.keeper.ledger == kept
    assert states(machine) == {"same"}


def test_what_an_earlier_run_keeps_is_written_again_after_a_later_one_disturbed_it(machine):
    """A new scheduler makes its queue anew; huge pages raise what is kept free."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {REQUESTS: 512, FREE: 20000})
    proposal = machine.propose("run-b", {SCHEDULER: "mq-deadline", THP: "always"})
    assert f"{REQUESTS} = 512 of run run-a is written again after it" in proposal.notes
    machine.keeper.apply(proposal)

    assert machine.kernel.files[QUEUE] == "512"
    assert machine.kernel.files["/proc/sys/vm/min_free_kbytes"] == "20000"
    assert states(machine) == {"same"}

    machine.keeper.undo("run-b")
    assert machine.kernel.files[QUEUE] == "512"
    assert states(machine) == {"same"}
    machine.keeper.undo("run-a")
    assert machine.kernel.files == before


def test_what_another_run_keeps_is_written_again_after_a_run_that_kept_it_too(machine):
    """Kept anew, with a scheduler in the place of the queue's length."""
    machine.apply("run-b", {REQUESTS: 512})
    machine.apply("run-a", {REQUESTS: 512})
    machine.apply("run-b", {SCHEDULER: "mq-deadline"})

    assert machine.kernel.files[QUEUE] == "512"
    assert states(machine) == {"same"}


def test_what_a_later_run_keeps_survives_undoing_the_one_that_disturbs_it(machine):
    """The scheduler goes back, the queue's length stays the later run's."""
    before = dict(machine.kernel.files)
    machine.apply("run-a", {SCHEDULER: "mq-deadline"})
    machine.apply("run-b", {REQUESTS: 128})

    machine.keeper.undo("run-a")
    assert machine.kernel.files[QUEUE] == "128"
    machine.keeper.undo("run-b")

    assert machine.kernel.files == before


def test_what_somebody_else_set_of_an_earlier_run_is_not_written_again(machine):
    """Theirs is lost to the kernel, but ours is not put in its place."""
    machine.apply("run-a", {REQUESTS: 512})
    machine.kernel.files[QUEUE] = "300"

    machine.apply("run-b", {SCHEDULER: "mq-deadline"})

    assert machine.kernel.files[QUEUE] == "62"


def test_what_somebody_else_set_months_later_is_left_alone_though_the_kernel_may_move_it(machine):
    """Its scheduler is back already, so nobody can say it was the kernel."""
    machine.apply("run-a", {SCHEDULER: "mq-deadline"})
    machine.kernel.files.update({"/sys/block/vda/queue/scheduler": "none", QUEUE: "1000"})

    machine.keeper.undo("run-a")

    assert machine.kernel.files[QUEUE] == "1000"


def test_a_schedulers_setting_ends_with_it(known):
    """It is not there any more, and is not set at the next boot."""
    expire = "block.vda.queue.iosched.read_expire"
    first = Kept(WHEN, {SCHEDULER: "mq-deadline", expire: 100}, {})
    second = Kept(replace(WHEN, run_id="run-b"), {SCHEDULER: "none"}, {})

    settled = settle((first, second), known)

    assert settled.config == {SCHEDULER: "none"}
    assert {lost.knob for lost in settled.overruled} == {SCHEDULER, expire}
