"""One session against a kernel in memory that can be made to misbehave."""

import json
import os

import pytest

from kerntune.hand import journal as journals
from kerntune.hand import protocol
from kerntune.hand.journal import Journal
from kerntune.hand.session import Session

TTL, FIN = "net.ipv4.ip_default_ttl", "net.ipv4.tcp_fin_timeout"
WORD = "net.ipv4.tcp_congestion_control"


class Asked:
    """A session with a clock of our own; `ask` returns a reply as a client would see it."""

    def __init__(self, panel, directory, sync=os.fdatasync):
        self.now = 0.0
        self.journal = Journal.create(directory, sync)
        self.session = Session(panel, self.journal, 60.0, lambda: self.now)

    def ask(self, op, **arguments):
        line = protocol.encode({"id": 1, "op": op, **arguments})
        return json.loads(protocol.encode(self.session.answer(line)))

    def fails(self, op, **arguments):
        reply = self.ask(op, **arguments)
        assert reply["ok"] is False, reply
        return reply["error"]


@pytest.fixture
def asked(panel, tmp_path):
    made = Asked(panel, tmp_path / "journal")
    yield made
    made.session.close()


def test_apply_and_undo(asked, memory):
    """The plain round."""
    reply = asked.ask("apply", config={TTL: 33})

    assert reply["effects"] == [{"knob": TTL, "requested": 33, "effective": 33, "match": "exact"}]
    assert memory.files[TTL] == ("33",)
    assert [item["state"] for item in asked.ask("undo")["outcomes"]] == ["restored"]
    assert memory.files[TTL] == ("64",)


def test_an_unknown_operation_is_refused(asked):
    """Nothing is guessed."""
    assert asked.fails("explode")["kind"] == "protocol"
    assert asked.fails("read", knobs="x")["kind"] == "protocol"
    assert asked.fails("undo", keep="x")["kind"] == "protocol"
    assert asked.fails("apply", config=[])["kind"] == "protocol"


def test_a_clamped_value_is_reported_and_goes_back(asked, memory):
    """The kernel took another value: said, not hidden; and recognised as ours when it goes back."""
    memory.makes = lambda name, words: ("255",) if int(words[0]) > 255 else words

    (effect,) = asked.ask("apply", config={TTL: 300})["effects"]

    assert (effect["effective"], effect["match"]) == (255, "clamped")
    assert journals.load(asked.journal.descriptor).changes[0].effective == ("255",)
    asked.ask("undo")
    assert memory.files[TTL] == ("64",)


def test_an_ignored_word_is_a_refusal(asked, memory):
    """The kernel said yes and did nothing: never counted as applied."""
    memory.makes = lambda name, words: ("cubic",) if name == WORD else words

    error = asked.fails("apply", config={TTL: 33, WORD: "reno"})

    assert (error["kind"], error["knob"]) == ("refused", WORD)
    assert "was to be reno and is cubic" in error["message"]
    assert (memory.files[TTL], memory.files[WORD]) == (("64",), ("cubic",))


def test_nothing_is_written_before_it_is_on_disk(panel, memory, tmp_path):
    """The disk fails on the original: the kernel was not touched."""
    writes_at_sync = []

    def sync(descriptor):
        writes_at_sync.append(len(memory.writes))
        os.fdatasync(descriptor)

    asked = Asked(panel, tmp_path / "journal", sync)
    asked.ask("apply", config={TTL: 33, FIN: 7})

    assert writes_at_sync == [0, 0]  # the header's, and one for both originals
    assert len(memory.writes) == 2
    asked.session.close()


def test_a_failing_disk_stops_the_transaction_before_the_kernel_is_touched(panel, memory, tmp_path):
    """No journal, no change."""
    syncs = []

    def sync(descriptor):
        syncs.append(descriptor)
        if len(syncs) > 1:
            raise OSError(28, "No space left on device")

    asked = Asked(panel, tmp_path / "journal", sync)

    assert asked.fails("apply", config={TTL: 33})["kind"] == "journal"
    assert memory.writes == []
    asked.session.close()


def test_a_knob_that_cannot_roll_back_is_kept_and_tried_again(asked, memory):
    """The kernel refuses the second value and then the first one's old value: it stays in the journal."""
    broken = {"now": True}

    def makes(name, words):
        refused = name == FIN or (name == TTL and words == ("64",) and broken["now"])
        return None if refused else words

    memory.makes = makes
    asked.fails("apply", config={TTL: 33, FIN: 7})
    assert memory.files[TTL] == ("33",)
    assert asked.ask("status")["depth"] == 1
    assert journals.load(asked.journal.descriptor).changes

    broken["now"] = False
    assert [item["state"] for item in asked.ask("undo")["outcomes"]] == ["restored"]
    assert memory.files[TTL] == ("64",)


def test_a_journal_with_something_stuck_in_it_outlives_the_session(panel, memory, tmp_path):
    """The next start tries again."""
    asked = Asked(panel, tmp_path / "journal")
    asked.ask("apply", config={TTL: 33})
    memory.makes = lambda name, words: None

    asked.session.close()

    (path,) = journals.paths(tmp_path / "journal")
    assert journals.peek(path).changes[0].knob == TTL


def test_undo_keeps_the_oldest_when_told(asked, memory):
    """Of three transactions, an empty one among them, the oldest stays."""
    for config in ({TTL: 33}, {}, {TTL: 44}):
        asked.ask("apply", config=config)

    assert asked.ask("undo", keep=1)["depth"] == 1

    assert memory.files[TTL] == ("33",)


def test_a_config_equal_to_what_is_there_writes_nothing_but_is_watched(asked, memory):
    """The reference config of a comparison: nothing to write, and still nobody else may change it unseen."""
    asked.ask("apply", config={TTL: 64})
    assert memory.writes == []

    memory.files[TTL] = ("99",)

    assert asked.ask("check")["changed"] == [{"knob": TTL, "ours": 64, "present": 99}]


def test_the_lease_ends_everything_and_is_told_once(asked, memory):
    """Expiry undoes; the next undo says so, and afterwards the hand is as new."""
    asked.ask("apply", config={TTL: 33}, lease_s=5)
    asked.now = 4.9
    asked.session.tend()
    assert memory.files[TTL] == ("33",)

    asked.now = 5.0
    asked.session.tend()

    assert memory.files[TTL] == ("64",)
    assert asked.fails("renew", lease_s=5)["kind"] == "lease"
    reply = asked.ask("undo")
    assert reply["expired"]
    assert [item["state"] for item in reply["outcomes"]] == ["restored"]
    assert not asked.ask("undo")["expired"]


def test_what_is_stuck_when_the_lease_ends_does_not_spin(asked, memory):
    """It is tried again after another lease, not in a loop."""
    asked.ask("apply", config={TTL: 33}, lease_s=5)
    memory.makes = lambda name, words: None
    asked.now = 5.0
    asked.session.tend()

    assert asked.session.left_s() == 60.0
    memory.makes = lambda name, words: words


def test_a_vanished_knob_makes_the_check_fail(asked, memory):
    """Its device went away mid-trial."""
    asked.ask("apply", config={TTL: 33})
    kept = memory.files.pop(TTL)

    assert asked.fails("check")["kind"] == "absent"
    memory.files[TTL] = kept


def test_a_floor_holds_for_the_whole_session(asked, memory):
    """Lowered by somebody else in between, the first value stays the floor."""
    name = "net.ipv4.tcp_max_tw_buckets"
    asked.ask("apply", config={name: 8192})
    asked.ask("undo")
    memory.files[name] = ("100",)

    assert "is below 4096" in asked.fails("apply", config={name: 200})["message"]
