"""Kill -9 at any moment: what was acknowledged is there, what was not is there whole or not at all."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing

from kerntune.model.trial import Note
from kerntune.store import History, RunState, Store

KILLS = 40


def write_until_killed(path, make, tell: int) -> None:
    """Writes trials for ever; a byte down the pipe acknowledges each event."""
    with Store.open(path) as store:
        run_id = store.begin(make.plan, make.setup)
        os.write(tell, run_id.encode() + b"\n")
        for number in range(1, 100_000):
            for event in (*make.events(make.trial(number, pairs=2)), Note(str(number))):
                store.append(run_id, event)
                os.write(tell, b".")


def killed_writer(path, make, after_s: float) -> tuple[str, int]:
    """Returns the run of a writer killed after some time, and how many events it had acknowledged."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(receive)
            write_until_killed(path, make, send)
        finally:
            os._exit(1)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        run_id = pipe.readline().decode().strip()
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        acknowledged = len(pipe.read())
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return run_id, acknowledged


def test_kill_9_loses_nothing_acknowledged(path, make):
    """Forty writers killed at random moments, one file: at most the one event in flight is more or less."""
    dice = random.Random(20)
    expected = {}
    for _ in range(KILLS):
        run_id, acknowledged = killed_writer(path, make, dice.uniform(0.0, 0.06))
        expected[run_id] = acknowledged

    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    assert len(expected) == KILLS
    assert sum(expected.values()) > KILLS
    with History.open(path) as history:
        for run_id, acknowledged in expected.items():
            done, notes = history.trials(run_id), history.notes(run_id)
            flying = sum(len(trial.measurement.pairs) for trial in history.unfinished(run_id))
            stored = 3 * len(done) + len(notes) + flying
            assert acknowledged <= stored <= acknowledged + 1
            assert done == tuple(make.trial(number, pairs=2) for number in range(1, len(done) + 1))
            assert history.run(run_id).state is RunState.DIED
