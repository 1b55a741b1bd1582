"""The kernel and the files against what was kept, knob by knob."""

import json
from dataclasses import asdict

from kerntune.keep import is_kept
from kerntune.keep.render import SYSCTL_D, TMPFILES_D

SWAPPINESS, THP, REQUESTS = "vm.swappiness", "mm.transparent_hugepage.enabled", "block.vda.queue.nr_requests"


def states(machine):
    return {found.subject: found.state for found in machine.keeper.verify()}


def put(machine, path, text):
    file = machine.root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_what_is_as_it_was_kept_is_the_same(machine):
    """And nothing kept is kept well."""
    assert machine.keeper.verify() == ()
    machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})

    assert states(machine) == {SWAPPINESS: "same", THP: "same", SYSCTL_D: "same", TMPFILES_D: "same"}
    assert is_kept(machine.keeper.verify())


def test_each_way_to_differ_has_its_word(machine):
    """Another value, no such file any more, a file of ours edited, one gone."""
    machine.apply("run-a", {SWAPPINESS: 10, REQUESTS: 512})
    machine.kernel.files["/proc/sys/vm/swappiness"] = "60"
    del machine.kernel.files["/sys/block/vda/queue/nr_requests"]
    put(machine, SYSCTL_D, "# mine\n")
    (machine.root / TMPFILES_D.lstrip("/")).unlink()

    assert states(machine) == {
        SWAPPINESS: "differs", REQUESTS: "absent", SYSCTL_D: "changed", TMPFILES_D: "missing"
    }  # fmt: skip
    assert not is_kept(machine.keeper.verify())
    first = machine.keeper.verify()[0]
    assert (first.kept, first.present, first.detail) == (10, 60, "run run-a set it to 10")
    assert json.loads(json.dumps(asdict(first))) == asdict(first)


def test_a_value_the_kernel_rounded_is_the_same(machine):
    """What counts is what it made of ours."""
    write = machine.kernel.write
    machine.kernel.write = lambda knob, words: write(knob, ("20000",) if words == ("20001",) else words)
    machine.apply("run-a", {"vm.min_free_kbytes": 20001})

    assert states(machine)["vm.min_free_kbytes"] == "same"
    machine.keeper.undo("run-a")
    assert machine.kernel.files["/proc/sys/vm/min_free_kbytes"] == "11000"


def test_a_later_sysctl_file_that_overrides_ours_is_named(machine):
    """Debian's /etc/sysctl.d/99-sysctl.conf comes after 90-kerntune.conf."""
    machine.apply("run-a", {SWAPPINESS: 10})
    put(machine, "/etc/sysctl.conf", "vm.swappiness = 10\n")
    assert is_kept(machine.keeper.verify())
    put(machine, "/etc/sysctl.conf", "\nvm.swappiness = 60\n")
    put(machine, "/etc/sysctl.d/10-early.conf", "vm.swappiness = 5\n")

    found = machine.keeper.verify()[-1]

    assert (found.subject, found.state, found.detail) == (
        SWAPPINESS,
        "overridden",
        "by /etc/sysctl.conf line 2",
    )
    assert (found.kept, found.present) == (10, 60)


def test_an_earlier_tmpfiles_line_overrides_ours(machine):
    """There the first name counts."""
    machine.apply("run-a", {THP: "always"})
    line = "w /sys/kernel/mm/transparent_hugepage/enabled - - - - never\n"
    put(machine, "/etc/tmpfiles.d/zz.conf", line)
    assert is_kept(machine.keeper.verify())
    put(machine, "/etc/tmpfiles.d/10-thp.conf", line)

    assert machine.keeper.verify()[-1].detail == "by /etc/tmpfiles.d/10-thp.conf line 1"


def test_a_tmpfiles_line_for_a_sysctl_comes_after_all_sysctl_files(machine):
    """systemd-tmpfiles-setup runs later in the boot."""
    machine.apply("run-a", {SWAPPINESS: 10})
    put(machine, "/etc/tmpfiles.d/a.conf", "w /proc/sys/vm/swappiness - - - - 1\n")

    assert machine.keeper.verify()[-1].detail == "by /etc/tmpfiles.d/a.conf line 1"


def test_what_is_kept_until_a_restart_has_no_next_boot(machine):
    """No file can override it."""
    machine.apply("run-a", {SWAPPINESS: 10}, permanent=False)
    put(machine, "/etc/sysctl.conf", "vm.swappiness = 60\n")

    assert states(machine) == {SWAPPINESS: "same"}
