"""The store's one writer: every event of a run, on disk before the next run of the workload begins."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from kerntune.errors import InputError, KerntuneBug, StoreError
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Plan
from kerntune.model.trial import Comparison, Ending, Event, Note, PairDone, Result, Trial, TrialDone
from kerntune.store.codec import clean, encode
from kerntune.store.connection import explained, open_writer
from kerntune.store.history import History
from kerntune.store.records import Owner, RunState, Setup

SUFFIX = "23456789abcdefghjkmnpqrstuvwxyz"
"""Letters of a run id's end; those that look alike are left out."""

STATE_OF = {Ending.INTERRUPTED: RunState.INTERRUPTED, Ending.FAILURES: RunState.FAILED}
"""Endings after which a run is not `done`."""

SAMPLE = """INSERT INTO samples (trial_id, position, role, is_first, started_at, wall_s, metrics, telemetry)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class Store(History):
    """Writes runs, and reads them as `History` does. Close it, or use it in a `with` block.

    `clock` gives seconds since the epoch, `dice` the letters of new run ids.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        clock: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        super().__init__(connection, path, clock)
        self._owner = encode(Owner.of())
        self._dice = dice or random.SystemRandom()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        busy_s: float = 5.0,
        clock: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> Self:
        """Opens the store at a path for writing; makes directory, file and tables where missing.

        `busy_s` is how long to wait for another writer.

        Raises:
            StoreError: locked, corrupt, full, not writable, or of a newer version.
        """
        return cls(open_writer(path, busy_s), path, clock, dice)

    def new_id(self) -> str:
        """Returns an id that no stored run has."""
        with self._transaction() as cursor:
            return self._new_id(cursor, self._clock())

    def begin(self, plan: Plan, setup: Setup, run_id: str | None = None) -> str:
        """Stores a run that begins now, carried out by this process; returns its id.

        `run_id` is one that `new_id` gave, if it had to be known before.
        """
        now = self._clock()
        with self._transaction() as cursor:
            run_id = run_id or self._new_id(cursor, now)
            cursor.execute(
                """INSERT INTO runs (run_id, plan, setup, state, owner, began_at, seen_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (run_id, encode(plan), encode(setup), RunState.RUNNING, self._owner, now, now),
            )
        return run_id

    def resume(self, run_id: str) -> None:
        """Takes up a run again in this process; the trial that was in flight is kept as unfinished.

        Raises:
            InputError: there is no such run, it is done, or its owner still carries it out.
        """
        with self._transaction() as cursor:
            run = self.run(run_id)
            if run.state in {RunState.RUNNING, RunState.DONE}:
                doing = f"process {run.owner.pid} is at it" if run.state is RunState.RUNNING else "it is done"
                msg = f"cannot resume {run_id}: {doing}"
                raise InputError(msg, hint=f"kerntune show {run_id}")
            cursor.execute(
                "UPDATE trials SET state = 'abandoned' WHERE run_id = ? AND state = 'open'", (run_id,)
            )
            cursor.execute(
                """UPDATE runs SET state = ?, owner = ?, seen_at = ?, resumed = resumed + 1,
                    ended_at = NULL, result = NULL, reason = '' WHERE run_id = ?""",
                (RunState.RUNNING, self._owner, self._clock(), run_id),
            )

    def append(self, run_id: str, event: Event) -> None:
        """Stores an event of a run in one transaction; it is on the disk when this returns.

        A replayed trial is stored already and changes nothing.

        Raises:
            StoreError: locked, damaged, no space left, or the run was taken up by another process; it stays
                as it was before.
            KerntuneBug: there is no such run, or the trial is stored already.
        """
        with self._transaction() as cursor:
            self._touch(cursor, run_id)
            match event:
                case PairDone():
                    _put_pair(cursor, run_id, event)
                case TrialDone(replayed=False):
                    _put_trial(cursor, run_id, event.trial)
                case Note():
                    self._put_note(cursor, run_id, event.text)
                case Result():
                    self._put_result(cursor, run_id, event)

    def fail(self, run_id: str, reason: str) -> None:
        """Stores that a run ended by an error, without a result."""
        self._end(run_id, RunState.FAILED, reason)

    def interrupt(self, run_id: str, reason: str) -> None:
        """Stores that a run was broken off without a result; it can be resumed."""
        self._end(run_id, RunState.INTERRUPTED, reason)

    def request_stop(self, run_id: str, who: str) -> None:
        """Asks a run to stop after the workload run in flight; it looks with `stop_requested`.

        Raises:
            InputError: there is no such run, or nobody carries it out.
        """
        with self._transaction() as cursor:
            run = self.run(run_id)
            if run.state is not RunState.RUNNING:
                msg = f"cannot stop {run_id}: it is {run.state}"
                raise InputError(msg, hint="kerntune list shows which runs are running")
            row = (run_id, run.resumed, self._clock(), clean(who))
            cursor.execute("INSERT INTO stops (run_id, resumed, at, who) VALUES (?, ?, ?, ?)", row)

    def _touch(self, cursor: sqlite3.Cursor, run_id: str) -> None:
        """Notes a sign of life, and makes sure that the run is ours."""
        row = (self._clock(), run_id, self._owner)
        cursor.execute("UPDATE runs SET seen_at = ? WHERE run_id = ? AND owner = ?", row)
        if cursor.rowcount == 1:
            return
        if cursor.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is None:
            msg = f"an event of a run that was never begun: {run_id!r}"
            raise KerntuneBug(msg)
        msg = f"run {run_id} belongs to another process by now"
        raise StoreError(msg, hint=f"kerntune resume {run_id} takes it up once that one has ended")

    def _end(self, run_id: str, state: RunState, reason: str) -> None:
        with self._transaction() as cursor:
            row = (state, self._clock(), clean(reason), run_id)
            cursor.execute("UPDATE runs SET state = ?, ended_at = ?, reason = ? WHERE run_id = ?", row)

    def _new_id(self, cursor: sqlite3.Cursor, now: float) -> str:
        """Returns an id that sorts by time: `20261120-2031-k3f9`, in UTC."""
        minute = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M")
        while True:
            run_id = f"{minute}-{''.join(self._dice.choices(SUFFIX, k=4))}"
            if cursor.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is None:
                return run_id

    def _put_note(self, cursor: sqlite3.Cursor, run_id: str, text: str) -> None:
        """Stores a note once: a resumed study says everything again."""
        row = (run_id, self._clock(), clean(text))
        cursor.execute("INSERT INTO notes (run_id, at, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)

    def _put_result(self, cursor: sqlite3.Cursor, run_id: str, result: Result) -> None:
        state = STATE_OF.get(result.ending, RunState.DONE)
        row = (state, self._clock(), encode(result), str(result.ending), run_id)
        cursor.execute(
            "UPDATE runs SET state = ?, ended_at = ?, result = ?, reason = ? WHERE run_id = ?", row
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """Everything in the block is stored, or nothing of it."""
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.cursor()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has rolled back already
                    self._connection.execute("ROLLBACK")
                raise


def _put_pair(cursor: sqlite3.Cursor, run_id: str, event: PairDone) -> None:
    trial_id = _open_trial(cursor, run_id, event.number, event.comparison)
    _put_samples(cursor, trial_id, _pairs_stored(cursor, trial_id), event.pair)


def _put_trial(cursor: sqlite3.Cursor, run_id: str, trial: Trial) -> None:
    trial_id = _open_trial(cursor, run_id, trial.number, trial.comparison)
    for position, sample in enumerate(trial.measurement.warmups):
        cursor.execute(SAMPLE, (trial_id, position, "warmup", 1, *_columns(sample)))
    stored = _pairs_stored(cursor, trial_id)
    for position, pair in enumerate(trial.measurement.pairs[stored:], stored):
        _put_samples(cursor, trial_id, position, pair)
    verdict = encode(trial.verdict) if trial.verdict else None
    failure = encode(trial.failure) if trial.failure else None
    cursor.execute(
        "UPDATE trials SET state = 'done', verdict = ?, failure = ?, elapsed_s = ? WHERE trial_id = ?",
        (verdict, failure, trial.elapsed_s, trial_id),
    )


def _open_trial(cursor: sqlite3.Cursor, run_id: str, number: int, comparison: Comparison) -> int:
    """Returns the row of a trial in flight, made by its first pair."""
    query = "SELECT trial_id, state FROM trials WHERE run_id = ? AND number = ? AND state <> 'abandoned'"
    row = cursor.execute(query, (run_id, number)).fetchone()
    if row is None:
        insert = "INSERT INTO trials (run_id, number, state, comparison) VALUES (?, ?, 'open', ?)"
        return int(cursor.execute(insert, (run_id, number, encode(comparison))).lastrowid or 0)
    if row["state"] == "done":
        msg = f"trial {number} of {run_id} is stored already"
        raise KerntuneBug(msg)
    return int(row["trial_id"])


def _pairs_stored(cursor: sqlite3.Cursor, trial_id: int) -> int:
    query = "SELECT count(*) FROM samples WHERE trial_id = ? AND role = 'reference'"
    return int(cursor.execute(query, (trial_id,)).fetchone()[0])


def _put_samples(cursor: sqlite3.Cursor, trial_id: int, position: int, pair: Pair) -> None:
    reference = (trial_id, position, "reference", pair.reference_first, *_columns(pair.reference))
    candidate = (trial_id, position, "candidate", not pair.reference_first, *_columns(pair.candidate))
    cursor.executemany(SAMPLE, (reference, candidate))


def _columns(sample: Sample) -> tuple[float, float, str, str]:
    return sample.started_at, sample.wall_s, encode(sample.metrics), encode(sample.telemetry)
