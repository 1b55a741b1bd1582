"""The journal: what is on disk suffices to put everything back, wherever it was cut off."""

import os
import resource
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerntune.errors import HandError
from kerntune.hand import journal as journals
from kerntune.hand.change import Change
from kerntune.hand.identity import boot_id, me, namespace
from kerntune.hand.journal import Journal
from kerntune.hand.processes import forked
from kerntune.hand.restore import restore

TTL = "net.ipv4.ip_default_ttl"
WMEM = "net.ipv4.tcp_wmem"


def change(number=1, old="64", new="33", effective=None, knob=TTL):
    return Change(number, knob, (old,), (new,), effective and (effective,))


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def journal(directory):
    made = Journal.create(directory)
    yield made
    made.close()


def contents(journal):
    return journals.load(journal.descriptor)


def test_the_header_says_whose_it_is(journal):
    """Boot, namespace, process, user and time are there from the first moment."""
    header = contents(journal).header

    assert header is not None
    assert (header.boot, header.owner) == (boot_id(), me())
    assert header.place.same(namespace())
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_an_intent_is_a_change_until_it_is_undone(journal):
    """Between the two, whoever replays finds it."""
    journal.intend([change()])
    assert contents(journal).changes == (change(),)

    journal.applied(1, [change(effective="33")])
    assert contents(journal).changes == (change(effective="33"),)

    journal.undone(1)
    assert contents(journal).changes == ()


def test_what_the_kernel_made_of_it_is_remembered(journal):
    """A clamped value must be recognised as ours."""
    journal.intend([change(new="300")])
    journal.applied(1, [change(new="300", effective="255")])

    assert contents(journal).changes[0].ours == ("255",)


def test_stuck_changes_stay(journal):
    """What could not go back is tried again at the next start."""
    other = change(knob=WMEM)
    journal.intend([change(), other])
    journal.undone(1, [other])

    assert contents(journal).changes == (other,)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_any_prefix_of_the_file_replays_to_the_originals(data, tmp_path, panel, memory):
    """The hand is killed at any byte of any record, before or after any write of the kernel's.

    A run of transactions is played in memory as the hand would; after each step the pair (file so far, state
    of the kernel) is what a crash at that moment leaves. Records may also be torn in the middle.
    """
    originals = dict(memory.files)
    journal = Journal.create(tmp_path / "journal")
    moments = [(journal.path.read_bytes(), dict(memory.files))]
    stack: list[Change] = []

    def step():
        moments.append((journal.path.read_bytes(), dict(memory.files)))

    for number in range(1, 1 + data.draw(st.integers(1, 5))):
        name = data.draw(st.sampled_from([TTL, "net.ipv4.tcp_fin_timeout"]))
        old, new = memory.files[name], (str(data.draw(st.integers(1, 5))),)
        made = Change(number, name, old, new)
        journal.intend([made])
        step()
        memory.files[name] = new
        step()
        if data.draw(st.booleans()):
            journal.applied(number, [Change(number, name, old, new, new)])
            step()
        stack.append(made)
        while stack and data.draw(st.booleans()):
            back = stack.pop()
            memory.files[back.knob] = back.old
            step()
            journal.undone(back.transaction)
            step()
    journal.remove()

    index = data.draw(st.integers(1, len(moments) - 1))
    before, state = moments[index][0], moments[index][1]
    shorter = moments[index - 1][0]
    torn = data.draw(st.integers(0, 20)) if moments[index - 1][1] == state else 0
    prefix = max(len(shorter), len(before) - torn)
    memory.files.update(state)

    for _ in range(2):  # replaying is idempotent
        restored = restore(journals.parse(before[:prefix]).changes, panel)
        assert memory.files == originals
        assert not restored.stuck


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
def test_a_damaged_byte_never_invents_a_value(journal, place, byte):
    """Every change that is read from a damaged file was written into it as it stands."""
    journal.intend([change(), change(2, "33", "44"), change(3, "60", "7", knob="net.ipv4.tcp_fin_timeout")])
    data = bytearray(journal.path.read_bytes())
    honest = set(journals.parse(bytes(data)).changes)
    data[place % len(data)] = byte

    assert set(journals.parse(bytes(data)).changes) <= honest


def test_a_torn_line_does_not_hide_the_ones_before_and_after(journal):
    """The lines around a damaged one still count."""
    journal.intend([change()])
    with journal.path.open("ab") as file:
        file.write(b'["00000000",{"kind":"undo\n')
    journal.intend([change(2, knob=WMEM)])

    assert len(contents(journal).changes) == 2


def test_originals_are_on_disk_once_and_not_again(directory):
    """The first touch of a file waits for the disk; the same original later need not."""
    synced = []
    journal = Journal.create(directory, lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    synced.clear()  # the header's

    journal.intend([change()])
    after_first = journal.path.stat().st_size
    journal.undone(1)
    journal.intend([change(2, new="44")])
    assert synced == [after_first]

    journal.intend([change(3, old="50")])
    assert len(synced) == 2
    journal.remove()


def test_nobody_can_claim_a_living_journal(journal, directory):
    """The lock is the hand's while it lives."""
    assert journals.claim(journal.path) is None
    assert journals.lives(journal.path, contents(journal).header)


def test_a_dead_hands_journal_can_be_claimed_while_its_child_is_not_the_guardian(directory):
    """The lock ends with the last process that holds the file."""
    os.waitpid(forked(lambda: int(Journal.create(directory) is None)), 0)
    (path,) = journals.paths(directory)

    descriptor = journals.claim(path)

    assert descriptor is not None
    assert journals.claim(path) is None
    os.close(descriptor)


def test_an_unwritable_directory_is_refused(tmp_path):
    """A file stands where the directory should be; root would not be stopped by a mode."""
    (tmp_path / "file").write_text("")

    with pytest.raises(HandError, match="nothing is changed without one") as caught:
        Journal.create(tmp_path / "file")

    assert caught.value.kind == "journal"


def test_a_directory_others_can_write_is_refused(tmp_path):
    """Whoever can write the journal could have us write any knob."""
    tmp_path.chmod(0o777)

    with pytest.raises(HandError, match="others may write"):
        Journal.create(tmp_path)


def test_a_link_is_not_followed(journal, directory):
    """A journal is a plain file of our own."""
    link = directory / "link.journal"
    link.symlink_to(journal.path)

    with pytest.raises(HandError, match="will not trust"):
        journals.claim(link)


def limited(size, act):
    """Returns the status of a child in which no file may grow beyond a size."""

    def inside():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return act()

    return os.waitstatus_to_exitcode(os.waitpid(forked(inside), 0)[1])


def test_a_journal_that_does_not_fit_on_the_disk_is_not_begun(directory):
    """Not even the header fits: refused, and no half-made file is left."""

    def act():
        try:
            Journal.create(directory)
        except HandError as error:
            return 7 if error.kind == "journal" else 1
        return 0

    assert limited(10, act) == 7
    assert list(directory.iterdir()) == []


def test_an_intent_that_does_not_fit_is_refused_and_leaves_no_piece(directory):
    """The disk fills up in the middle of a record: it is cut off again, and nothing may be written."""

    def act():
        journal = Journal.create(directory)
        try:
            journal.intend([change(number) for number in range(50)])
        except HandError as error:
            return 7 if error.kind == "journal" else 1
        return 0

    assert limited(1000, act) == 7
    (path,) = journals.paths(directory)
    assert path.read_bytes().count(b"\n") == 1
    assert path.read_bytes().endswith(b"\n")


def test_a_long_journal_is_emptied_but_keeps_its_header(journal):
    """Thousands of trials do not fill the disk."""
    for number in range(12):
        journal.intend([change(number, new="9" * 100_000)])
        journal.undone(number)
    assert journal.path.stat().st_size > journals.LONGEST

    journal.empty()

    assert journal.path.read_bytes().count(b"\n") == 1
    assert contents(journal).header is not None


def test_unfinished_journals_are_swept_away(directory, journal):
    """A hand killed while it made its journal has written nothing under it."""
    (directory / "1-1.new").write_text("")
    (directory / "1-1.new").chmod(0o600)

    journals.sweep(directory)

    assert journals.paths(directory) == (journal.path,)
    assert not list(directory.glob("*.new"))
