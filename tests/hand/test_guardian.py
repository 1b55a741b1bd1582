"""The guardian: finishes what a dead hand began."""

import os
import signal

import pytest

from kerntune.hand import guardian
from kerntune.hand.change import Change
from kerntune.hand.journal import Journal
from kerntune.hand.kinds import Sysctl
from kerntune.hand.panel import Panel
from kerntune.hand.processes import forked, ready

TTL = "net.ipv4.ip_default_ttl"


@pytest.fixture
def files(tmp_path):
    """A tree of plain files: 33 is written, 64 was there before."""
    path = tmp_path / "sys/net/ipv4/ip_default_ttl"
    path.parent.mkdir(parents=True)
    path.write_text("33\n")
    return path


@pytest.fixture
def plain(catalog, tmp_path):
    return Panel(catalog, {"sysctl": Sysctl(tmp_path / "sys")})


@pytest.fixture
def journal(tmp_path):
    made = Journal.create(tmp_path / "journal")
    made.intend([Change(1, TTL, ("64",), ("33",))])
    yield made
    made.close()


def test_the_end_of_the_pipe_makes_it_finish(journal, plain, files):
    """Nobody says farewell: the hand is dead."""
    watching = guardian.watch(journal, plain)

    watching.bury()

    assert files.read_text() == "64\n"
    assert not journal.path.exists()


def test_a_farewell_makes_it_go_without_a_word(journal, plain, files):
    """The hand has undone everything itself, or leaves the journal on purpose."""
    guardian.watch(journal, plain).dismiss()

    assert files.read_text() == "33\n"
    assert journal.path.exists()


def test_a_hand_that_dies_before_its_guardian_is_ready_is_finished_for(journal, plain, files):
    """Both ends are broken when the guardian says that it is ready; it must not die of that."""
    life_out, life_in = os.pipe()
    alive_out, alive_in = os.pipe()
    os.close(life_in)
    os.close(alive_out)

    os.waitpid(forked(lambda: guardian._guard(journal, plain, life_out, alive_in)), 0)

    assert files.read_text() == "64\n"
    os.close(life_out)
    os.close(alive_in)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT])
def test_it_is_deaf_to_what_ends_other_programs(journal, plain, files, number):
    """Whatever is sent to everybody at once, it stays until the hand is gone."""
    watching = guardian.watch(journal, plain)

    os.kill(watching.pid, number)

    assert not ready([watching.alive], timeout_s=0.02)
    watching.bury()
    assert files.read_text() == "64\n"


def test_what_it_cannot_put_back_stays_in_the_journal(journal, plain, files, catalog):
    """The next start tries again."""
    files.unlink()
    files.mkdir()  # neither readable nor writable as a file

    guardian.watch(journal, plain).bury()

    assert journal.path.exists()


def test_its_death_is_seen(journal, plain):
    """The other pipe ends with it."""
    watching = guardian.watch(journal, plain)
    assert not ready([watching.alive], timeout_s=0)

    os.kill(watching.pid, signal.SIGKILL)

    assert ready([watching.alive], timeout_s=2)
    watching.bury()
