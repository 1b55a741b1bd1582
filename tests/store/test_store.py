"""The life of a run in the store: begun, filled, ended, broken off, taken up again, stopped."""

import os
import random
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from kerntune.errors import InputError, KerntuneBug, StoreError
from kerntune.model.trial import Ending, Note, PairDone, TrialDone
from kerntune.store import History, RunState, Store

NOVEMBER = 1_795_206_660.0  # 2026-11-20 20:31 UTC


def test_a_run_is_what_was_put_in(make, store):
    """Plan, setup, trials, failure and result are equal to what was appended."""
    run_id = store.begin(make.plan, make.setup)
    for event in (*make.events(make.trial(1)), TrialDone(make.failed(2)), Note("gp needs torch; using tpe")):
        store.append(run_id, event)
    result = replace(make.result(), noise=None)
    store.append(run_id, result)

    run = store.run(run_id)
    assert (run.plan, run.setup, run.result) == (make.plan, make.setup, result)
    assert (run.state, run.trials, run.failures, run.resumed) == (RunState.DONE, 2, 1, 0)
    assert store.trials(run_id) == (make.trial(1), make.failed(2))
    assert store.notes(run_id) == ("gp needs torch; using tpe",)
    assert store.unfinished(run_id) == ()
    assert run.ended_at >= run.began_at


def test_ids_are_made_of_clock_and_dice(make, path):
    """The same clock and seed give the same id, then the next one: never one twice."""
    with Store.open(path, clock=lambda: NOVEMBER, dice=random.Random(7)) as store:
        first, second = store.begin(make.plan, make.setup), store.begin(make.plan, make.setup)
    with Store.open(path, clock=lambda: NOVEMBER, dice=random.Random(7)) as store:
        third = store.begin(make.plan, make.setup)

    assert re.fullmatch(r"20261120-2031-[2-9a-z]{4}", first)
    assert len({first, second, third}) == 3
    assert random.Random(7).choices("23456789abcdefghjkmnpqrstuvwxyz", k=4) == list(first[-4:])


def test_runs_are_listed_newest_first(make, path):
    """By their beginning; as many as asked for."""
    ticks = iter(range(1000, 2000))
    with Store.open(path, clock=lambda: NOVEMBER + next(ticks)) as store:
        ids = [store.begin(make.plan, make.setup) for _ in range(3)]

        assert [run.run_id for run in store.runs()] == ids[::-1]
        assert [run.run_id for run in store.runs(limit=1)] == ids[-1:]


def test_a_run_is_found_by_what_is_unique_of_its_id(make, path):
    """The whole id, its beginning, or its end; otherwise the candidates are named."""
    with Store.open(path, clock=lambda: NOVEMBER, dice=random.Random(1)) as store:
        one, two = store.begin(make.plan, make.setup), store.begin(make.plan, make.setup)

        assert store.find(one) == one
        assert store.find(one[:-1]) == one
        assert store.find(two[-4:]) == two
        with pytest.raises(InputError, match="2 runs are called '2026'"):
            store.find("2026")
        for nothing in ("", "x" * 40, "%", "*", "\udcff"):
            with pytest.raises(InputError, match="no run is called"):
                store.find(nothing)
        with pytest.raises(InputError, match="no run is called"):
            store.run("20261120-0000-zzzz")


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (Ending.DONE, RunState.DONE),
        (Ending.CEILING, RunState.DONE),
        (Ending.BUDGET, RunState.DONE),
        (Ending.INTERRUPTED, RunState.INTERRUPTED),
        (Ending.FAILURES, RunState.FAILED),
    ],
)
def test_the_ending_decides_how_a_run_stands(make, store, ending, state):
    """Ctrl-C and three failures in a row are not done."""
    run_id = store.begin(make.plan, make.setup)
    store.append(run_id, make.result(ending))

    assert store.run(run_id).state is state


def test_a_run_ended_by_an_error_says_why(make, store):
    """No result, but a state and a reason."""
    run_id = store.begin(make.plan, make.setup)
    store.fail(run_id, "no user namespaces")
    other = store.begin(make.plan, make.setup)
    store.interrupt(other, "SIGTERM")

    assert (store.run(run_id).state, store.run(run_id).reason) == (RunState.FAILED, "no user namespaces")
    assert (store.run(other).state, store.result(other)) == (RunState.INTERRUPTED, None)


def test_pairs_are_there_before_their_trial_ended(make, store, path):
    """A reader sees a trial in flight as far as it came, and not among those that ended."""
    run_id = store.begin(make.plan, make.setup)
    done = make.trial(1, pairs=3)
    for event in make.events(done)[:2]:
        store.append(run_id, event)

    with History.open(path) as history:
        (flying,) = history.unfinished(run_id)
        assert flying.measurement.pairs == done.measurement.pairs[:2]
        assert flying.comparison == done.comparison
        assert history.trials(run_id) == ()
        assert history.run(run_id).trials == 0


def test_one_run_of_each_pair_was_first(make, store):
    """The order of a pair can be read off either of its samples."""
    run_id = store.begin(make.plan, make.setup)
    store.append(run_id, TrialDone(make.trial(1, pairs=4)))

    query = "SELECT sum(is_first) FROM samples WHERE role <> 'warmup' GROUP BY position"
    assert [row[0] for row in store._connection.execute(query)] == [1, 1, 1, 1]


def test_an_answer_is_of_one_moment(make, store, path):
    """A trial that ends while a reader looks at it in flight does not lose its pairs in that answer."""
    run_id = store.begin(make.plan, make.setup)
    *pairs, end = make.events(make.trial(1))
    for event in pairs:
        store.append(run_id, event)

    def meanwhile(statement: str) -> None:
        if statement.startswith("SELECT samples.*") and not store.trials(run_id):
            store.append(run_id, end)

    with History.open(path) as history:
        history._connection.set_trace_callback(meanwhile)
        (flying,) = history.unfinished(run_id)
        assert flying.measurement.pairs == make.trial(1).measurement.pairs
        assert history.trials(run_id) == (make.trial(1),)


def die_after(path: Path, act) -> str:
    """Returns the id of a run whose process was killed after `act(store, run_id)`."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        with Store.open(path) as store:
            os.write(send, act(store).encode())
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(send)
    with os.fdopen(receive) as pipe:
        run_id = pipe.read()
    os.waitpid(child, 0)
    return run_id


def test_a_dead_run_is_shown_as_died_and_can_be_resumed(make, path):
    """Killed in the second trial: its pairs are kept, its number is tried anew, all else is as it was."""

    def begin_two_trials(store: Store) -> str:
        run_id = store.begin(make.plan, make.setup)
        for event in (*make.events(make.trial(1)), *make.events(make.trial(2, pairs=3))[:2]):
            store.append(run_id, event)
        return run_id

    run_id = die_after(path, begin_two_trials)

    with Store.open(path) as store:
        assert store.run(run_id).state is RunState.DIED
        with pytest.raises(StoreError, match="belongs to another process"):
            store.append(run_id, Note("not mine"))

        store.resume(run_id)
        for event in make.events(make.trial(2, pairs=1)):
            store.append(run_id, event)

        run = store.run(run_id)
        assert (run.state, run.resumed, run.owner.pid) == (RunState.RUNNING, 1, os.getpid())
        assert store.trials(run_id) == (make.trial(1), make.trial(2, pairs=1))
        assert [len(trial.measurement.pairs) for trial in store.unfinished(run_id)] == [2]


def test_only_a_broken_off_run_is_resumed(make, store):
    """A running one is somebody's, a done one is done; an interrupted one loses its stale result."""
    running, done, broken = (store.begin(make.plan, make.setup) for _ in range(3))
    store.append(done, make.result())
    store.append(broken, make.result(Ending.INTERRUPTED))

    with pytest.raises(InputError, match=f"process {os.getpid()} is at it"):
        store.resume(running)
    with pytest.raises(InputError, match="it is done"):
        store.resume(done)
    with pytest.raises(InputError, match="no run is called"):
        store.resume("20000101-0000-aaaa")
    store.resume(broken)
    assert (store.run(broken).state, store.result(broken)) == (RunState.RUNNING, None)


def test_a_stop_is_asked_for_by_another_process_and_seen_by_the_loop(make, store, path):
    """The dashboard's button writes a row; the loop looks."""
    run_id, other = store.begin(make.plan, make.setup), store.begin(make.plan, make.setup)
    assert not store.stop_requested(run_id)

    with Store.open(path) as button:
        button.request_stop(run_id, "dashboard")

    assert store.stop_requested(run_id)
    assert not store.stop_requested(other)


def test_an_old_stop_does_not_stop_the_resumed_run(make, store):
    """A request is for the sitting it was made in."""
    run_id = store.begin(make.plan, make.setup)
    store.request_stop(run_id, "dashboard")
    store.append(run_id, make.result(Ending.INTERRUPTED))
    store.resume(run_id)

    assert not store.stop_requested(run_id)
    store.request_stop(run_id, "dashboard")
    assert store.stop_requested(run_id)


def test_a_run_that_is_over_cannot_be_stopped(make, store):
    """Nobody would see the request."""
    run_id = store.begin(make.plan, make.setup)
    store.append(run_id, make.result())

    with pytest.raises(InputError, match="it is done"):
        store.request_stop(run_id, "dashboard")


def test_a_note_said_again_by_a_resumed_study_is_one_note(make, store):
    """Replay repeats every event; the user reads it once."""
    run_id = store.begin(make.plan, make.setup)
    for text in ("one", "two", "one", "three \udcff"):
        store.append(run_id, Note(text))

    assert store.notes(run_id) == ("one", "two", "three \\udcff")


def test_events_that_contradict_the_store_are_bugs(make, store):
    """A run never begun, a trial ended twice, a pair of an ended trial: nothing is stored of them."""
    run_id = store.begin(make.plan, make.setup)
    store.append(run_id, TrialDone(make.trial(1)))

    with pytest.raises(KerntuneBug, match="never begun"):
        store.append("20000101-0000-aaaa", Note("hello"))
    with pytest.raises(KerntuneBug, match="stored already"):
        store.append(run_id, TrialDone(make.trial(1)))
    pair = make.trial(1).measurement.pairs[0]
    with pytest.raises(KerntuneBug, match="stored already"):
        store.append(run_id, PairDone(1, make.comparison, pair, make.verdict))
    assert store.trials(run_id) == (make.trial(1),)


def test_an_event_is_stored_whole_or_not_at_all(make, store):
    """A trial whose last sample cannot be stored leaves nothing of itself behind."""
    run_id = store.begin(make.plan, make.setup)
    good = make.trial(1)
    bad_pair = replace(good.measurement.pairs[1], candidate=make.sample(at=float("nan")))
    bad = replace(good, measurement=replace(good.measurement, pairs=(good.measurement.pairs[0], bad_pair)))

    with pytest.raises(KerntuneBug, match="NOT NULL"):
        store.append(run_id, TrialDone(bad))

    assert store.unfinished(run_id) == ()
    store.append(run_id, TrialDone(good))
    assert store.trials(run_id) == (good,)
