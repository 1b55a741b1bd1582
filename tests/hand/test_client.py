"""The client against hands that answer late, wrongly, or not at all."""

import json
import os
import threading

import pytest

from kerntune.errors import HandError
from kerntune.hand.client import Hand, complain
from kerntune.hand.protocol import Outcome


@pytest.fixture
def pair():
    """A client and the two ends a hand would have: its requests and its replies."""
    request_out, request_in = os.pipe()
    reply_out, reply_in = os.pipe()
    hand = Hand(reply_out, request_in, patience_s=0.2)
    yield hand, request_out, reply_in
    hand._open = False
    for number in (request_out, reply_in, request_in, reply_out):
        os.close(number)


def say(reply_in, **message):
    os.write(reply_in, json.dumps(message).encode() + b"\n")


def test_replies_to_older_requests_are_skipped(pair):
    """Ctrl-C came while a reply was awaited; the reply still arrives, before the next one."""
    hand, _, reply_in = pair
    say(reply_in, id=1, ok=True, depth="stale")
    say(reply_in, id=None, ok=False, error={})
    hand._number = 1
    say(reply_in, id=2, ok=True, depth="fresh")

    assert hand.status()["depth"] == "fresh"


def test_a_request_cut_short_is_closed_by_a_newline(pair):
    """The rest of an interrupted request never comes; the next one must begin on a line of its own."""
    hand, request_out, reply_in = pair
    hand._half_sent = True
    say(reply_in, id=1, ok=True)

    hand.status()

    assert os.read(request_out, 4096).startswith(b"\n{")
    say(reply_in, id=2, ok=True)
    hand.status()
    assert os.read(request_out, 4096).startswith(b"{")


def test_a_hand_that_says_nothing_is_lost(pair):
    """The deadline ends the wait."""
    hand, _, _ = pair

    with pytest.raises(HandError, match="no answer within") as caught:
        hand.status()

    assert caught.value.kind == "lost"


def test_a_hand_that_takes_nothing_is_lost(pair):
    """A full pipe does not block the tuner for ever."""
    hand, _, _ = pair

    with pytest.raises(HandError, match="no answer within"):
        hand.read(["x" * 200_000])


def test_a_reason_given_before_the_start_failed_is_the_error(pair):
    """The hand refuses to work and says why, then ends."""
    hand, _, reply_in = pair
    say(
        reply_in,
        id=None,
        ok=False,
        fatal=True,
        error={"kind": "journal", "message": "disk full", "hint": "x"},
    )

    with pytest.raises(HandError, match="disk full") as caught:
        hand.hello()

    assert caught.value.kind == "journal"


def test_an_interrupt_inside_the_block_undoes(pair):
    """Whatever leaves the block, `undo` is sent."""
    hand, request_out, reply_in = pair
    say(reply_in, id=1, ok=True, effects=[], depth=1)
    say(reply_in, id=2, ok=True, outcomes=[], expired=False, depth=0)

    with pytest.raises(KeyboardInterrupt), hand.applied({}):
        raise KeyboardInterrupt

    ops = [json.loads(line)["op"] for line in os.read(request_out, 4096).splitlines()]
    assert ops == ["apply", "undo"]


def test_an_interrupt_while_applying_undoes(pair):
    """The reply to `apply` never came, so nobody knows whether it was applied: it is undone."""
    hand, request_out, reply_in = pair
    timer = threading.Timer(
        0.3, say, [reply_in], {"id": 2, "ok": True, "outcomes": [], "expired": False, "depth": 0}
    )
    timer.start()

    with pytest.raises(HandError, match="no answer"), hand.applied({}):
        pass

    timer.join()
    ops = [json.loads(line)["op"] for line in os.read(request_out, 4096).splitlines()]
    assert ops == ["apply", "undo"]


def test_what_is_stuck_outranks_what_was_left_alone():
    """A knob that is still ours is the worse news."""
    left = Outcome("a", "left", 1, 2, 3, "somebody else")
    stuck = Outcome("b", "failed", 1, 2, None, "refused")

    complain([Outcome("c", "restored", 1, 2, 1)])
    with pytest.raises(HandError, match="a was 1, we set 2 and is 3") as caught:
        complain([left])
    assert caught.value.kind == "interference"
    with pytest.raises(HandError, match="b was 1") as caught:
        complain([left, stuck])
    assert caught.value.kind == "stuck"


def test_a_hand_is_started_directly(tmp_path):
    """The program is found and speaks; nothing is applied, so nothing needs a namespace."""
    with Hand.spawn(tmp_path / "journal") as hand:
        hello = hand.hello()
        assert hello["version"] == 1
        assert list((tmp_path / "journal").iterdir())

    assert not list((tmp_path / "journal").iterdir())


def test_a_hand_that_cannot_keep_a_journal_says_so(tmp_path):
    """It refuses before anything could be written."""
    (tmp_path / "file").write_text("")

    with pytest.raises(HandError, match="cannot write the journal") as caught:
        Hand.spawn(tmp_path / "file")

    assert caught.value.kind == "journal"


def test_a_program_that_is_not_there_is_an_error(tmp_path):
    """`sudo` may be missing."""
    with pytest.raises(HandError, match="cannot start the hand with no-such-program"):
        Hand.spawn(tmp_path, prefix=["no-such-program"])
