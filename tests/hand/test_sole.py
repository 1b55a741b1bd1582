"""One hand on one host."""

import os
import signal
import time

import pytest

from kerntune.errors import HandError
from kerntune.hand import recovery, sole
from kerntune.hand.processes import forked
from kerntune.hand.program import Terms

TTL = "net.ipv4.ip_default_ttl"


def test_a_second_hand_is_refused_with_the_first_ones_study(start):
    """Two studies on one host would measure each other."""
    start(Terms(sole="20260101-a")).hand.hello()

    with pytest.raises(HandError, match="study 20260101-a is tuning this host") as caught:
        start(Terms(sole="20260101-b")).hand.hello()

    assert caught.value.kind == "busy"
    assert "kerntune undo" in caught.value.hint


def test_the_next_one_comes_when_the_first_has_gone(start):
    """In order, and nothing is left of the lock in between."""
    first = start(Terms(sole="a"))
    first.hand.hello()
    first.hand.close()
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)

    assert not list(first.journal.iterdir())
    assert start(Terms(sole="b")).hand.hello()["version"] == 1


def test_one_without_a_label_asks_nobody(start):
    """Hands of sandboxes do not get into each other's way."""
    start(Terms(sole="a")).hand.hello()

    assert start().hand.hello()["version"] == 1


def test_a_killed_hand_keeps_others_away_until_its_guardian_is_done(place, start):
    """The guardian is stopped with a knob applied: the host is not free yet."""
    first = start(Terms(sole="a"))
    guardian = first.hand.hello()["guardian"]
    first.hand.apply({TTL: 33})
    os.kill(guardian, signal.SIGSTOP)
    first.kill()

    with pytest.raises(HandError) as caught:
        start(Terms(sole="b")).hand.hello()
    os.kill(guardian, signal.SIGCONT)

    assert caught.value.kind == "busy"
    assert start(Terms(sole="c")).hand.hello()["version"] == 1
    assert place.read(TTL) == "64"


def test_two_that_were_killed_keep_nobody_away(place, start):
    """The lock goes with its last holder; the next hand puts back what they left."""
    first = start(Terms(sole="a"))
    guardian = first.hand.hello()["guardian"]
    first.hand.apply({TTL: 33})
    os.kill(guardian, signal.SIGKILL)
    first.kill()
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)

    assert start(Terms(sole="b")).hand.hello()["version"] == 1
    assert place.read(TTL) == "64"


def test_a_lock_nobody_holds_is_swept(tmp_path):
    """`kerntune undo` leaves nothing behind."""
    os.waitpid(forked(lambda: int(sole.take(tmp_path, "a") is None)), 0)
    assert [path.name for path in tmp_path.iterdir()] == [sole.NAME]

    recovery.replay(tmp_path)

    assert not list(tmp_path.iterdir())


def test_who_has_it_is_told(tmp_path):
    """Label and process; nothing once it is free. A label is one line, whatever it was."""
    lock = sole.take(tmp_path, "a\nb" + "c" * 999)

    told = sole.described(tmp_path)

    assert told["pid"] == os.getpid()
    assert told["label"] == "ab" + "c" * (sole.LONGEST - 2)
    lock.release()
    assert sole.described(tmp_path) == {}


def test_a_lock_taken_away_while_it_was_opened_is_none(tmp_path):
    """The file that is locked must be the one that stands there."""
    first = sole.take(tmp_path, "a")
    began = time.monotonic()
    first.release()

    second = sole.take(tmp_path, "b")

    assert second.path.exists()
    assert time.monotonic() >= began
    second.release()
