"""kill -9 of the tuner, the hand, the guardian and all of them, at random moments, on a real kernel."""

import itertools
import json
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kerntune.errors import HandError
from kerntune.hand import recovery
from kerntune.hand.client import Hand
from kerntune.hand.identity import enter, start_of
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.hand.processes import forked, park, ready
from kerntune.hand.program import Terms, serve

PATIENCE_S = 20.0  # two seconds are promised, where the machine has nothing else to do
KILLS = 30  # of each victim
MOST = 10  # times as many, until one kill of all came at a moment when it mattered
TTL, FIN = "net.ipv4.ip_default_ttl", "net.ipv4.tcp_fin_timeout"
LOW, HIGH = "net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_high_thresh"


@dataclass(frozen=True)
class Trio:
    """A tuner that applies and undoes without pause, its hand, and its hand's guardian."""

    tuner: int
    hand: int
    guardian: int
    journal: Path
    news: int

    def later_guardian(self):
        """Returns the guardian that took the first one's place, as the tuner tells it."""
        while ready([self.news], timeout_s=PATIENCE_S) and (line := line_of(self.news)):
            if int(line) != self.guardian:
                return int(line)
        kill(self.tuner)
        pytest.fail("no new guardian came")


def tune(hand, seed, news):
    """Applies and undoes random configs; tells each guardian's number."""
    chance = random.Random(seed)
    guardian = 0
    while True:
        low = chance.randrange(1 << 20, 8 << 20)
        config = {
            TTL: chance.randrange(1, 250),
            FIN: chance.randrange(1, 59),
            "net.ipv4.tcp_wmem:max": chance.randrange(5 << 20, 64 << 20),
            LOW: low,
            HIGH: low + chance.randrange(1 << 20),
        }
        with hand.applied(dict(chance.sample(sorted(config.items()), len(config)))):
            now = hand.status()["guardian"]
            if now != guardian:
                os.write(news, f"{now}\n".encode())
                guardian = now


def begin(place, journal, catalog, seed):
    """Forks a tuner, which forks its hand; both are in the namespace."""
    told, news = os.pipe()

    def tuner():
        os.close(told)
        enter(place.link)
        request_out, request_in = os.pipe()
        reply_out, reply_in = os.pipe()
        pid = forked(lambda: serve(request_out, reply_in, journal, catalog))
        os.close(request_out)
        os.close(reply_in)
        hand = Hand(reply_out, request_in)
        hello = hand.hello()
        os.write(news, json.dumps([pid, hello["guardian"]]).encode() + b"\n")
        with suppress(HandError):
            tune(hand, seed, news)
        return 0

    pid = forked(tuner)
    os.close(news)
    hand, guardian = json.loads(line_of(told))
    return Trio(pid, hand, guardian, journal, told)


def line_of(told):
    line = b""
    while piece := os.read(told, 1):
        line += piece
        if piece == b"\n":
            break
    return line


def kill(*pids):
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(fact):
    """Waits until something is so, and fails when it has been waited for long."""
    ends = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < ends, "not within its time"
        time.sleep(0.001)


def settle(place, journal, originals):
    """Waits until whoever finishes the job has taken the journal away; then every knob must be back."""
    wait_until(lambda: not list(journal.iterdir()))
    assert place.everything() == originals


class Deadly:
    """A kind whose process is killed at its n-th write; the guardian, which has it too, is not."""

    def __init__(self, number, when):
        self.inner, self.left, self.when, self.mortal = kinds()["sysctl"], number, when, os.getpid()

    def read(self, knob):
        return self.inner.read(knob)

    def write(self, knob, words):
        self.left -= 1
        dies = self.left == 0 and os.getpid() == self.mortal
        if not (dies and self.when == "before"):
            self.inner.write(knob, words)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    def check_writable(self, knob):
        self.inner.check_writable(knob)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_the_guardian_finishes_from_every_write(place, tmp_path, catalog, number, when):
    """The hand dies on each write of a transaction of three, and on each write of its undoing."""
    originals = place.everything()
    journal = tmp_path / "journal"
    request_out, request_in = os.pipe()
    reply_out, reply_in = os.pipe()

    def act():
        enter(place.link)
        terms = Terms(kinds={"sysctl": Deadly(number, when)})
        return serve(request_out, reply_in, journal, catalog, terms)

    pid = forked(act)
    os.close(request_out)
    os.close(reply_in)

    hand = Hand(reply_out, request_in)
    with pytest.raises(HandError, match="lost the hand"), hand.applied({TTL: 33, FIN: 7, HIGH: 9 << 20}):
        pass

    settle(place, journal, originals)
    hand.close()
    os.waitpid(pid, 0)


class Late(Deadly):
    """A kind whose process is killed while its writer is inside the kernel, and writes a little later."""

    def write(self, knob, words):
        if os.getpid() != self.mortal:
            self.inner.write(knob, words)
            return
        forked(lambda: self.written_late(knob, words))
        os.kill(os.getpid(), signal.SIGKILL)

    def written_late(self, knob, words):
        park([2])
        time.sleep(0.2)
        self.inner.write(knob, words)
        return 0


def test_a_writer_that_outlives_its_hand_is_waited_for(place, tmp_path, catalog):
    """An elevator's switch cannot be killed: it ends after its hand is dead, and must be undone as well."""
    originals = place.everything()
    request_out, request_in = os.pipe()
    reply_out, reply_in = os.pipe()

    def act():
        enter(place.link)
        terms = Terms(kinds={"sysctl": Late(0, "")})
        return serve(request_out, reply_in, tmp_path / "journal", catalog, terms)

    pid = forked(act)
    os.close(request_out)
    os.close(reply_in)
    hand = Hand(reply_out, request_in)

    with pytest.raises(HandError, match="lost the hand"):
        hand.apply({TTL: 33})

    settle(place, tmp_path / "journal", originals)
    time.sleep(0.3)  # nothing comes after
    assert place.everything() == originals
    hand.close()
    os.waitpid(pid, 0)


@pytest.fixture
def tools(catalog):
    return catalog, Panel(catalog, kinds())


@pytest.mark.parametrize("victim", ["tuner", "hand", "guardian", "guardian, then hand", "all"])
def test_every_knob_is_back_whoever_is_killed(place, tmp_path, tools, victim):
    """At random moments of apply-undo loops; when all died, at the next start."""
    catalog, panel = tools
    originals = place.everything()
    chance = random.Random(victim)
    found_changed = 0
    for number in itertools.count():
        if number >= KILLS and (victim != "all" or found_changed or number >= MOST * KILLS):
            break
        trio = begin(place, tmp_path / "journal", catalog, number)
        time.sleep(chance.uniform(0, 0.006))
        match victim:
            case "tuner":
                kill(trio.tuner)
            case "hand":
                kill(trio.hand)
            case "guardian":
                kill(trio.guardian)
                trio.later_guardian()
                kill(trio.tuner)
            case "guardian, then hand":
                kill(trio.guardian)
                trio.later_guardian()
                time.sleep(chance.uniform(0, 0.003))
                kill(trio.hand)
            case "all":
                everybody = [trio.tuner, trio.hand, trio.guardian]
                chance.shuffle(everybody)
                kill(*everybody)
                wait_until(lambda: not any(start_of(pid) for pid in everybody))  # noqa: B023 - called at once
                found_changed += place.everything() != originals
                recovery.replay(trio.journal, panel)
        settle(place, trio.journal, originals)
        os.close(trio.news)
        os.waitpid(trio.tuner, 0)
    assert victim != "all" or found_changed, "no kill of all came at a moment when it mattered"
