"""Files that the kernel changes by itself when others are written: exclusive pairs, elevators, huge pages."""

import errno
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerntune.catalog import Catalog
from kerntune.hand import journal as journals
from kerntune.hand import protocol
from kerntune.hand.journal import Journal
from kerntune.hand.panel import Panel
from kerntune.hand.restore import restore
from kerntune.hand.session import Session
from kerntune.model.knob import Choice, Constraint, Knob, Range, Risk, Rollback, Scope

RATIO, BYTES, SWAP, MIN_FREE = "vm.dirty_ratio", "vm.dirty_bytes", "vm.swappiness", "vm.min_free_kbytes"
THP = "mm.transparent_hugepage.enabled"
SCHEDULER, QUEUE = "block.vda.queue.scheduler", "block.vda.queue.nr_requests"
FIFO = "block.vda.queue.iosched.fifo_batch"
LENGTHS = {"none": "64", "mq-deadline": "256", "bfq": "512", "kyber": "128"}


@dataclass
class Kernel:
    """Words in memory that behave as Linux 6.18 was seen to; `left` calls from now it kills the caller."""

    files: dict[str, str]
    left: int = -1
    writes: list[tuple[str, str]] = field(default_factory=list)

    def read(self, knob):
        self._live()
        if knob.file not in self.files:
            raise OSError(errno.ENOENT, "No such file or directory")
        return (self.files[knob.file],)

    def write(self, knob, words):
        self._live()
        self.read(knob)
        self.set(knob.file, words[0])
        self.writes.append((knob.file, words[0]))
        self._live()

    def check_writable(self, knob):
        self.read(knob)

    def set(self, name, word):
        """Does what the kernel does, whoever asks."""
        if name == BYTES and word == "0":
            raise OSError(errno.EINVAL, "Invalid argument")
        before, self.files[name] = self.files[name], word
        if before == word:
            return
        if name in (BYTES, RATIO):
            self.files[RATIO if name == BYTES else BYTES] = "0"
        if name == SCHEDULER:
            self.files[QUEUE] = LENGTHS[word]
            self.files.pop(FIFO, None)
            if word == "mq-deadline":
                self.files[FIFO] = "16"
        if name == THP and word == "always":
            self.files[MIN_FREE] = str(max(int(self.files[MIN_FREE]), 67584))

    def _live(self):
        self.left -= 1
        if self.left == 0:
            raise Killed


class Killed(BaseException):
    """kill -9: nothing of the hand may answer it."""


def knob(name, domain):
    sysfs = name.startswith(("block", "mm"))
    path = "/" + name.replace(".", "/")
    kind, scope = ("sysfs" if sysfs else "sysctl"), Scope.GLOBAL
    facts = {"meaning": "-", "source": "-", "subsystem": "-"}
    return Knob(name, kind, path, domain, scope, Risk.R1, Rollback.EXACT, **facts)


def kernels_catalog():
    numbers = (RATIO, BYTES, SWAP, MIN_FREE, QUEUE, FIFO)
    knobs = [knob(name, Range(0, 1 << 30)) for name in numbers]
    knobs += [knob(THP, Choice(("always", "madvise", "never"))), knob(SCHEDULER, Choice(tuple(LENGTHS)))]
    constraints = (
        Constraint("exclusive", (RATIO, BYTES), "one zeroes the other"),
        Constraint("disturbs", (SCHEDULER, QUEUE, FIFO), "each scheduler begins anew"),
        Constraint("disturbs", (THP, MIN_FREE), "huge pages want a reserve"),
    )
    return Catalog({found.name: found for found in knobs}, {}, constraints)


def fresh():
    return Kernel(
        {
            RATIO: "20",
            BYTES: "0",
            SWAP: "60",
            MIN_FREE: "8000",
            THP: "madvise",
            SCHEDULER: "mq-deadline",
            QUEUE: "100",
            FIFO: "7",
        }
    )


@dataclass
class Played:
    """A session on such a kernel. Its guardian has a kernel of its own, and so harms nothing."""

    kernel: Kernel
    panel: Panel
    journal: Journal
    session: Session

    def ask(self, op, **arguments):
        line = protocol.encode({"id": 1, "op": op, **arguments})
        return json.loads(protocol.encode(self.session.answer(line)))

    def apply(self, config):
        reply = self.ask("apply", config=config)
        assert reply["ok"], reply
        return {effect["knob"]: effect["effective"] for effect in reply["effects"]}

    def undo(self):
        return {item["knob"]: item["state"] for item in self.ask("undo")["outcomes"]}

    def replay(self):
        return restore(journals.load(self.journal.descriptor).changes, self.panel)


def played(directory, kernel=None):
    kernel = kernel or fresh()
    panel = Panel(kernels_catalog(), {"sysctl": kernel, "sysfs": kernel})
    journal = Journal.create(directory, lambda _descriptor: None)
    return Played(kernel, panel, journal, Session(panel, journal, 60.0, lambda: 0.0))


@pytest.fixture
def hand(tmp_path) -> Iterator[Played]:
    made = played(tmp_path / "journal")
    yield made
    made.session.guardian.dismiss()
    made.journal.close()


def test_the_partner_that_the_kernel_zeroes_comes_back(hand):
    """Bytes are written, the kernel zeroes the ratio; 0 bytes cannot be written, the ratio brings them."""
    before = dict(hand.kernel.files)

    assert hand.apply({BYTES: 1 << 26}) == {BYTES: 1 << 26}
    assert hand.kernel.files[RATIO] == "0"

    assert hand.undo() == {BYTES: "restored", RATIO: "restored"}
    assert hand.kernel.files == before
    assert hand.kernel.writes == [(BYTES, str(1 << 26)), (RATIO, "20")]


def test_the_partner_is_in_the_journal_before_the_write(hand):
    """Whoever replays must know what the kernel is about to zero."""
    hand.apply({BYTES: 1 << 26})

    changes = {change.knob: change for change in journals.load(hand.journal.descriptor).changes}

    assert (changes[RATIO].old, changes[RATIO].new, changes[RATIO].twin) == (("20",), ("0",), BYTES)


def test_the_other_way_round(hand):
    """Where bytes rule, a ratio's write zeroes them, and they come back."""
    hand.kernel.set(BYTES, "4096")
    hand.apply({RATIO: 30})
    assert hand.kernel.files[BYTES] == "0"

    hand.undo()

    assert (hand.kernel.files[BYTES], hand.kernel.files[RATIO]) == ("4096", "0")


@pytest.mark.parametrize(("name", "word"), [(RATIO, "33"), (BYTES, "99999")])
def test_an_administrators_pair_is_left_whole(hand, name, word):
    """They set one of the pair mid-trial: neither it nor its partner is written."""
    hand.apply({BYTES: 1 << 26, SWAP: 5})
    hand.kernel.set(name, word)

    states = hand.undo()

    assert hand.kernel.files[name] == word
    assert hand.kernel.files[BYTES if name == RATIO else RATIO] == "0"
    assert hand.kernel.files[SWAP] == "60"
    assert states[name] == "left"
    assert (RATIO, "20") not in hand.kernel.writes


def test_a_pair_of_zeroes_is_not_touched(hand):
    """Neither rules: the way back would need a 0 that the kernel does not take."""
    hand.kernel.files[RATIO] = "0"

    error = hand.ask("apply", config={BYTES: 1 << 26})["error"]

    assert (error["kind"], error["knob"]) == ("refused", BYTES)
    assert hand.kernel.writes == []


def test_an_elevator_takes_its_settings_back_with_it(hand):
    """The queue's length and the scheduler's own file are as before, the file having been gone meanwhile."""
    before = dict(hand.kernel.files)
    hand.apply({SCHEDULER: "bfq"})
    assert FIFO not in hand.kernel.files

    assert hand.undo()[SCHEDULER] == "restored"

    assert hand.kernel.files == before


def test_what_the_config_names_is_written_after_the_elevator(hand):
    """Also where it names the value that was there before."""
    hand.apply({QUEUE: 100, SCHEDULER: "bfq"})

    assert hand.kernel.files[QUEUE] == "100"


def test_a_disturbed_file_alone_is_a_knob_like_others(hand):
    """Nothing is remembered for an elevator that stays."""
    hand.apply({QUEUE: 50, SCHEDULER: "mq-deadline"})

    assert [change.knob for change in journals.load(hand.journal.descriptor).changes] == [QUEUE]
    assert hand.undo() == {QUEUE: "restored"}


def test_a_raised_reserve_falls_again(hand):
    """Always raises vm.min_free_kbytes, madvise does not lower it: the hand does."""
    hand.apply({THP: "always"})
    assert hand.kernel.files[MIN_FREE] == "67584"
    assert hand.ask("check")["changed"] == []

    assert hand.undo() == {THP: "restored", MIN_FREE: "restored"}

    assert hand.kernel.files[MIN_FREE] == "8000"


def test_somebody_elses_length_survives_the_elevators_way_back(hand):
    """The kernel resets it once more when the elevator returns; theirs is written again."""
    hand.apply({SCHEDULER: "bfq"})
    hand.kernel.set(QUEUE, "77")

    states = hand.undo()

    assert hand.kernel.files[SCHEDULER] == "mq-deadline"
    assert hand.kernel.files[QUEUE] == "77"
    assert states[QUEUE] == "left"


def test_somebody_elses_elevator_stays_and_so_does_its_length(hand):
    """The kernel set the length for theirs."""
    hand.apply({SCHEDULER: "bfq"})
    hand.kernel.set(SCHEDULER, "none")

    states = hand.undo()

    assert (hand.kernel.files[SCHEDULER], hand.kernel.files[QUEUE]) == ("none", "64")
    assert states == {SCHEDULER: "left", QUEUE: "left"}


def test_a_refused_child_takes_the_elevator_back_with_its_settings(hand):
    """The transaction fails after the elevator changed; its settings return although never reached."""
    before = dict(hand.kernel.files)

    assert hand.ask("apply", config={SCHEDULER: "none", FIFO: 9})["ok"] is False

    assert hand.kernel.files == before


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        SWAP: st.integers(0, 100),
        MIN_FREE: st.integers(1, 90000),
        THP: st.sampled_from(["always", "madvise", "never"]),
        SCHEDULER: st.sampled_from(["none", "mq-deadline", "bfq"]),
        QUEUE: st.integers(1, 999),
    },
).flatmap(lambda config: st.sampled_from([{}, {BYTES: 4096}, {BYTES: 9999}, {RATIO: 30}]).map(config.__or__))
NUMBERS = itertools.count()


@given(
    configs=st.lists(CONFIGS, min_size=1, max_size=3),
    kept=st.integers(0, 3),
    deaths=st.tuples(st.integers(0, 60), st.integers(0, 25), st.integers(0, 25)),
    ruled_by_bytes=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_whenever_the_hand_dies_everything_is_back(tmp_path, configs, kept, deaths, ruled_by_bytes):
    """The hand is killed at any read or write, then the one that replays, then the next one; not the last."""
    kernel = fresh()
    if ruled_by_bytes:
        kernel.set(BYTES, "5555")
    before = dict(kernel.files)
    hand = played(tmp_path / str(next(NUMBERS)), kernel)
    kernel.left = deaths[0] or -1
    try:
        for config in configs:
            hand.ask("apply", config=config)
        hand.ask("undo", keep=kept)
    except Killed:
        pass
    for death in deaths[1:]:
        kernel.left = death or -1
        try:
            hand.replay()
        except Killed:
            continue
    kernel.left = -1

    back = hand.replay()

    assert kernel.files == before
    assert not back.stuck
    hand.session.guardian.dismiss()
    hand.journal.remove()


FOREIGN = {SWAP: "1", RATIO: "44", BYTES: "123456", QUEUE: "77", MIN_FREE: "99999", SCHEDULER: "kyber"}


@given(config=CONFIGS, name=st.sampled_from(sorted(FOREIGN)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_whatever_somebody_else_sets_stays(tmp_path, config, name):
    """One foreign write of any file, touched by the config or not; the rest goes back all the same."""
    hand = played(tmp_path / str(next(NUMBERS)))
    hand.ask("apply", config=config)
    changes = journals.load(hand.journal.descriptor).changes
    hand.kernel.set(name, FOREIGN[name])

    hand.undo()

    assert hand.kernel.files[name] == FOREIGN[name]
    pair, elevator = {RATIO, BYTES}, {SCHEDULER, QUEUE, FIFO}
    beside = next((group for group in (pair, elevator) if name in group), {name})
    for other, word in fresh().files.items():
        if other not in beside:
            assert hand.kernel.files[other] == word, (other, changes)
    hand.session.guardian.dismiss()
    hand.journal.remove()


def test_a_forged_tie_does_not_make_a_danger_writable(hand):
    """A read-only knob goes back only where a knob of ours disturbs it, and never from the danger list."""
    read_only = replace(kernels_catalog().knobs[MIN_FREE], read_only=True)
    knobs = {name: found for name, found in kernels_catalog().knobs.items() if name != MIN_FREE}
    panel = Panel(Catalog(knobs, {MIN_FREE: read_only}), hand.panel.kinds)
    change = journals.Change(1, MIN_FREE, ("8000",), ("1",), ("1",))
    hand.kernel.files[MIN_FREE] = "1"

    assert [outcome.state for outcome in restore([change], panel).outcomes] == ["failed"]
    assert hand.kernel.files[MIN_FREE] == "1"
