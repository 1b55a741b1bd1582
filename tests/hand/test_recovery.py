"""What dead hands left behind."""

import os
import signal
import time

import pytest

from kerntune.errors import HandError
from kerntune.hand import journal as journals
from kerntune.hand import recovery
from kerntune.hand.change import Change
from kerntune.hand.identity import Namespace
from kerntune.hand.journal import Journal
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.hand.processes import forked

TTL = "net.ipv4.ip_default_ttl"


def wait_for(fact, seconds=2.0):
    ends = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < ends, "did not come true in time"
        time.sleep(0.001)


@pytest.fixture
def real(catalog):
    return Panel(catalog, kinds())


@pytest.fixture
def dead(place, start):
    """A hand and its guardian, killed together with a knob applied; returns the journal's directory."""
    running = start()
    guardian = running.hand.hello()["guardian"]
    running.hand.apply({TTL: 33})
    os.kill(guardian, signal.SIGSTOP)
    running.kill()
    os.kill(guardian, signal.SIGKILL)
    wait_for(lambda: not recovery.status(running.journal)[0].alive)
    assert place.read(TTL) == "33"
    return running.journal


def only(found):
    assert len(found) == 1, found
    return found[0]


def test_the_next_start_puts_back_what_all_left(place, dead, real):
    """From outside, in the namespace that something else keeps alive; a second time does nothing."""
    found = only(recovery.replay(dead, real))

    assert found.state == "replayed"
    assert [(outcome.knob, outcome.state) for outcome in found.outcomes] == [(TTL, "restored")]
    assert place.read(TTL) == "64"
    assert recovery.replay(dead, real) == ()
    assert not list(dead.iterdir())


def test_the_next_hand_in_the_same_place_puts_it_back_before_it_answers(place, dead, start):
    """A hand that starts is a next start, too; it says what it found."""
    hello = start().hand.hello()

    assert place.read(TTL) == "64"
    assert [item["state"] for item in hello["recovered"]] == ["replayed"]


def test_an_administrators_later_change_is_left_alone(place, dead, real):
    """Between the crash and the next start somebody set the knob to a value of their own."""
    place.write(TTL, 99)

    found = only(recovery.replay(dead, real))

    assert [outcome.state for outcome in found.outcomes] == ["left"]
    assert place.read(TTL) == "99"
    place.write(TTL, 64)


def test_a_living_hands_journal_is_not_touched(place, start, real):
    """Replay does not pull the carpet from under a running study."""
    running = start()
    running.hand.apply({TTL: 33})

    assert only(recovery.replay(running.journal, real)).state == "alive"

    assert place.read(TTL) == "33"
    applied = only(recovery.status(running.journal))
    assert applied.alive
    assert applied.header.owner.pid == running.pid
    assert applied.changes == (Change(1, TTL, ("64",), ("33",), ("33",)),)


def test_undo_ends_a_living_hand_and_what_it_applied(place, start, real):
    """`kerntune undo` from another terminal."""
    running = start()
    running.hand.apply({TTL: 33})

    assert only(recovery.undo(running.journal, real)).state == "undone"

    assert place.read(TTL) == "64"
    assert recovery.status(running.journal) == ()


def test_undo_replays_orphans(place, dead, real):
    """And what dead hands left."""
    assert only(recovery.undo(dead, real)).state == "replayed"
    assert place.read(TTL) == "64"


def test_undo_says_when_a_hand_does_not_go(start, real):
    """A stopped hand cannot undo; the user is told what to do."""
    running = start()
    running.hand.apply({TTL: 33})
    os.kill(running.pid, signal.SIGSTOP)

    with pytest.raises(HandError, match="did not go within") as caught:
        recovery.undo(running.journal, real, deadline_s=0.05)

    assert caught.value.kind == "lost"
    os.kill(running.pid, signal.SIGCONT)


def orphan(directory, **header):
    """Leaves a journal of a dead process, with fields of its header changed."""

    def act():
        journal = Journal.create(directory)
        journal.intend([Change(1, TTL, ("64",), ("33",))])
        if header:
            lines = journal.path.read_bytes().splitlines(keepends=True)
            record = journals._record_of(lines[0].rstrip())
            journal.path.write_bytes(journals._line({**record, **header}) + b"".join(lines[1:]))
        return 0

    assert os.waitpid(forked(act), 0)[1] == 0
    return journals.paths(directory)[0]


@pytest.mark.parametrize(
    ("header", "word"),
    [({"boot": "another"}, "restarted"), ({"namespace": 1, "unique": 1 << 60}, "namespace is gone")],
)
def test_what_belongs_to_another_time_or_place_is_stale(tmp_path, panel, memory, header, word):
    """After a restart, or with the namespace gone, there is nothing to restore: removed with a note."""
    memory.files[TTL] = ("33",)
    path = orphan(tmp_path / "journal", **header)

    found = only(recovery.replay(path.parent, panel))

    assert found.state in ("stale", "elsewhere")  # elsewhere: some process of ours does not let us look
    if found.state == "stale":
        assert word in found.note
        assert not path.exists()
    assert memory.files[TTL] == ("33",)


def test_a_reused_inode_is_not_the_same_namespace():
    """Inode numbers come back; where the kernel numbers namespaces for good, that number decides."""
    assert not Namespace(4026532000, 17).same(Namespace(4026532000, 18))
    assert Namespace(4026532000, None).same(Namespace(4026532000, 18))


def test_a_damaged_header_is_kept_and_said(tmp_path, panel):
    """Whose it is cannot be told, so nothing is written on its word."""
    path = orphan(tmp_path / "journal")
    path.write_bytes(b"x" + path.read_bytes())

    assert only(recovery.replay(path.parent, panel)).state == "unreadable"
    assert path.exists()


def test_a_journal_others_can_write_is_kept_and_said(tmp_path, panel, memory):
    """It could be anybody's word."""
    path = orphan(tmp_path / "journal")
    path.chmod(0o666)

    assert only(recovery.replay(path.parent, panel)).state == "foreign"
    assert memory.writes == []


def test_what_the_kernel_does_not_take_back_is_kept_for_later(tmp_path, panel, memory):
    """The journal stays until its knobs are back."""
    memory.files[TTL] = ("33",)
    memory.makes = lambda name, words: None
    path = orphan(tmp_path / "journal")

    assert only(recovery.replay(path.parent, panel)).state == "stuck"
    assert path.exists()
    memory.makes = lambda name, words: words
    assert only(recovery.replay(path.parent, panel)).state == "replayed"
    assert memory.files[TTL] == ("64",)


def test_no_directory_means_nothing_to_do(tmp_path, panel):
    """The first start ever."""
    assert recovery.replay(tmp_path / "none", panel) == ()
    assert recovery.status(tmp_path / "none") == ()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can be somebody else")
def test_a_directory_that_we_may_not_look_into_is_told(tmp_path):
    """An ordinary user is not told that nothing is applied, nor that there is nothing to undo."""
    directory = tmp_path / "journal"
    directory.mkdir(mode=0o700)
    told, tell = os.pipe()

    def look():
        os.setresuid(65534, 65534, 65534)
        words = [applied.header is None for applied in recovery.status(directory)]
        words += [found.state for found in recovery.undo(directory)]
        os.write(tell, repr(words).encode())
        return 0

    for parent in tmp_path.parents:
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    os.waitpid(forked(look), 0)

    assert os.read(told, 4096).decode() == "[True, 'foreign']"
    os.close(told)
    os.close(tell)
