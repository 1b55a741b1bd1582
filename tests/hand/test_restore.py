"""Putting back: newest first, and only where nobody else wrote."""

import pytest

from kerntune.hand.change import Change
from kerntune.hand.restore import restore

TTL = "net.ipv4.ip_default_ttl"
FIN = "net.ipv4.tcp_fin_timeout"
MAX = "net.ipv4.tcp_wmem:max"


def ttl(old, new, effective=None, number=1):
    return Change(number, TTL, (old,), (new,), effective and (effective,))


def states(restored):
    return [outcome.state for outcome in restored.outcomes]


def test_ours_goes_back(panel, memory):
    """The plain case."""
    memory.files[TTL] = ("33",)

    assert states(restore([ttl("64", "33", "33")], panel)) == ["restored"]
    assert memory.files[TTL] == ("64",)


def test_theirs_stays(panel, memory):
    """Neither ours nor the old value: somebody else's; nothing at all is written."""
    memory.files[TTL] = ("50",)

    restored = restore([ttl("64", "33", "33")], panel)

    assert states(restored) == ["left"]
    assert restored.outcomes[0].present == 50
    assert memory.writes == []


def test_what_is_back_already_is_not_written(panel, memory):
    """A second replay does nothing."""
    assert states(restore([ttl("64", "33", "33")], panel)) == ["already"]
    assert memory.writes == []


def test_the_newest_goes_back_first(panel, memory):
    """Two writes of one knob end at the value before the first."""
    memory.files[TTL] = ("44",)

    restore([ttl("64", "33", "33"), ttl("33", "44", "44", 2)], panel)

    assert memory.files[TTL] == ("64",)
    assert [words for _, words in memory.writes] == [("33",), ("64",)]


def test_a_clamped_value_is_recognised_by_what_was_read_back(panel, memory):
    """We asked for 300, the kernel made 255 of it and told us."""
    memory.files[TTL] = ("255",)

    assert states(restore([ttl("64", "300", "255")], panel)) == ["restored"]
    assert memory.files[TTL] == ("64",)


def test_a_clamped_value_nobody_read_back_is_recognised_by_asking_the_kernel_again(panel, memory):
    """The hand died between write and read-back; the kernel makes the same of the same request."""
    memory.makes = lambda name, words: ("255",) if int(words[0]) > 255 else words
    memory.files[TTL] = ("255",)

    assert states(restore([ttl("64", "300")], panel)) == ["restored"]
    assert memory.files[TTL] == ("64",)


def test_a_foreign_value_on_a_write_in_flight_is_found_by_asking_the_kernel_again(panel, memory):
    """The kernel makes something else of our request, so the value that was there is theirs and returns."""
    memory.files[TTL] = ("50",)

    assert states(restore([ttl("64", "33")], panel)) == ["left"]
    assert memory.files[TTL] == ("50",)


def test_members_go_back_one_by_one(panel, memory):
    """Of one vector, ours goes back and theirs stays."""
    old = ("4096", "16384", "4194304")
    memory.files["net.ipv4.tcp_wmem"] = ("5000", "20000", "8000000")
    change = Change(1, MAX, old, ("4096", "20000", "9000000"), ("4096", "20000", "9000000"))

    restored = restore([change], panel)

    assert memory.files["net.ipv4.tcp_wmem"] == ("5000", "16384", "8000000")
    assert {(outcome.knob, outcome.state) for outcome in restored.outcomes} == {
        ("net.ipv4.tcp_wmem:default", "restored"),
        ("net.ipv4.tcp_wmem:max", "left"),
    }


def test_one_stuck_knob_does_not_keep_the_others(panel, memory):
    """The kernel refuses one old value: it is tried again, reported, and the rest goes back."""
    memory.files.update({TTL: ("33",), FIN: ("7",)})
    memory.makes = lambda name, words: None if name == TTL else words
    fin = Change(1, FIN, ("60",), ("7",), ("7",))

    restored = restore([fin, ttl("64", "33", "33")], panel)

    assert sorted(states(restored)) == ["failed", "restored"]
    assert restored.stuck == (ttl("64", "33", "33"),)
    assert memory.files[FIN] == ("60",)
    assert [name for name, _ in memory.writes].count(TTL) == 2


def test_a_knob_that_waits_for_another_goes_back_in_the_second_round(panel, memory):
    """The kernel takes the first only when the second is back."""
    memory.files.update({TTL: ("33",), FIN: ("7",)})
    memory.makes = lambda name, words: None if name == TTL and memory.files[FIN] != ("60",) else words

    restored = restore([Change(1, FIN, ("60",), ("7",), ("7",)), ttl("64", "33", "33")], panel)

    assert states(restored) == ["restored", "restored"]


def test_an_old_value_that_comes_back_different_is_said(panel, memory):
    """The kernel rounds on the way back."""
    memory.files[TTL] = ("33",)
    memory.makes = lambda name, words: ("65",)

    restored = restore([ttl("64", "33", "33")], panel)

    assert states(restored) == ["inexact"]
    assert restored.outcomes[0].present == 65
    assert not restored.stuck


def test_a_vanished_file_has_nothing_to_restore(panel, memory):
    """The device is gone, and its knobs with it."""
    del memory.files[TTL]

    restored = restore([ttl("64", "33", "33")], panel)

    assert states(restored) == ["gone"]
    assert not restored.stuck


@pytest.mark.parametrize("name", ["net.ipv4.tcp_syncookies", "kernel.core_pattern", "../x"])
def test_a_forged_journal_writes_nothing_outside_the_catalogue(panel, memory, name):
    """A change whose knob the catalogue does not allow is reported, not written."""
    restored = restore([Change(1, name, ("0",), ("1",), ("1",))], panel)

    assert states(restored) == ["failed"]
    assert memory.writes == []
