"""Other people's files in the place of ours: copied before they are replaced, and given back."""

import pytest

from kerntune.errors import HandError, InputError
from kerntune.keep.render import SYSCTL_D, TMPFILES_D

SWAPPINESS, THP = "vm.swappiness", "mm.transparent_hugepage.enabled"
THEIRS = "# made by hand \udce9\nvm.swappiness = 5\n"


def put(machine, path, text, mode=0o640):
    file = machine.root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    file.chmod(mode)
    return file


def overwrite(machine, run_id, config):
    return machine.keeper.apply(machine.propose(run_id, config), overwrite=True)


def test_a_file_that_was_there_before_ours_comes_back(machine):
    """Byte by byte, with its mode; the diff says so first."""
    file = put(machine, SYSCTL_D, THEIRS)
    overwrite(machine, "run-a", {SWAPPINESS: 10})
    assert "vm.swappiness = 10" in file.read_text()
    assert "+vm.swappiness = 5\n" in machine.keeper.withdraw("run-a").diff

    machine.keeper.undo("run-a")

    assert file.read_bytes() == THEIRS.encode("utf-8", "surrogateescape")
    assert file.stat().st_mode & 0o777 == 0o640
    assert not list(machine.home.kept.glob("*.orig"))


def test_it_waits_for_the_last_run(machine):
    """As long as any file of ours is in its place."""
    file = put(machine, SYSCTL_D, THEIRS)
    overwrite(machine, "run-a", {SWAPPINESS: 10})
    machine.apply("run-b", {"vm.dirty_ratio": 10})

    machine.keeper.undo("run-a")
    assert "dirty_ratio" in file.read_text()
    machine.keeper.undo("run-b")

    assert file.read_bytes() == THEIRS.encode("utf-8", "surrogateescape")


def test_an_attempt_that_fails_leaves_it_in_its_place(machine):
    """Whether it was replaced already or not."""
    file = put(machine, SYSCTL_D, THEIRS)
    machine.kernel.refused.add("10")
    with pytest.raises(HandError):
        overwrite(machine, "run-a", {SWAPPINESS: 10})
    assert file.read_bytes() == THEIRS.encode("utf-8", "surrogateescape")

    machine.kernel.refused.clear()
    (machine.root / "etc/tmpfiles.d").write_text("in the way")
    with pytest.raises(Exception, match=r"kerntune\.conf"):
        overwrite(machine, "run-a", {SWAPPINESS: 10, THP: "always"})

    assert file.read_bytes() == THEIRS.encode("utf-8", "surrogateescape")


def test_of_a_file_of_ours_that_somebody_changed_a_copy_stays(machine):
    """It is not given back: our own lines are in it."""
    machine.apply("run-a", {SWAPPINESS: 10})
    file = machine.root / SYSCTL_D.lstrip("/")
    file.write_text(file.read_text() + "vm.overcommit_memory = 1\n")
    overwrite(machine, "run-a", {SWAPPINESS: 10})

    machine.keeper.undo("run-a")

    (copy,) = machine.home.kept.glob("*.changed")
    assert "overcommit_memory" in copy.read_text()
    assert machine.text(SYSCTL_D) is None


def test_the_option_that_overwrites_is_named_before_anybody_is_asked(machine):
    """A proposal knows it."""
    put(machine, SYSCTL_D, THEIRS)
    proposal = machine.propose("run-a", {SWAPPINESS: 10})

    assert proposal.foreign == (SYSCTL_D,)
    with pytest.raises(InputError) as caught:
        proposal.check(overwrite=False)
    assert "--overwrite" in caught.value.hint


def test_our_lines_in_a_file_that_somebody_changed_are_named(machine):
    """The next boot sets them again."""
    machine.apply("run-a", {SWAPPINESS: 10, THP: "always"})
    machine.apply("run-b", {"vm.dirty_ratio": 10})
    file = machine.root / SYSCTL_D.lstrip("/")
    file.write_text(file.read_text() + "vm.overcommit_memory = 1\n")

    undone = machine.keeper.undo("run-a")

    assert undone.left_files == (SYSCTL_D,)
    assert undone.lines == (f"{SYSCTL_D}: vm.swappiness = 10",)
    assert machine.text(TMPFILES_D) is None


def test_an_old_copy_is_not_given_back_in_the_place_of_nothing(machine):
    """An interrupted undo may have left it."""
    machine.apply("run-a", {SWAPPINESS: 10})
    machine.keeper.undo("run-a")
    (machine.home.kept / "etc-sysctl.d-90-kerntune.conf.orig").write_text("vm.swappiness = 5\n")
    machine.apply("run-b", {SWAPPINESS: 10})

    machine.keeper.undo("run-b")

    assert machine.text(SYSCTL_D) is None
