"""What was stored, for readers: the command line, reports, the dashboard. Never writes."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Self

from kerntune.errors import InputError
from kerntune.model.measurement import Measurement, Metric, Pair, Sample
from kerntune.model.plan import Plan
from kerntune.model.trial import Comparison, Failure, Result, Trial
from kerntune.model.verdict import Verdict
from kerntune.store.codec import clean, decode
from kerntune.store.connection import explained, open_reader
from kerntune.store.records import Owner, Run, RunState, Setup, present_state

RUNS = """SELECT runs.*,
    (SELECT count(*) FROM trials WHERE trials.run_id = runs.run_id AND trials.state = 'done') AS trials,
    (SELECT count(*) FROM trials WHERE trials.run_id = runs.run_id AND trials.failure IS NOT NULL) AS failures
    FROM runs"""

SAMPLES = """SELECT samples.* FROM samples JOIN trials USING (trial_id)
    WHERE run_id = ? AND (state = 'done') = ? ORDER BY number, trial_id, position"""

TRIALS = "SELECT * FROM trials WHERE run_id = ? AND (state = 'done') = ? ORDER BY number, trial_id"


class History:
    """The runs in a store, read only. Close it, or use it in a `with` block.

    Each answer is of one moment, whatever is written meanwhile. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, clock: Callable[[], float] = time.time
    ) -> None:
        connection.row_factory = sqlite3.Row
        self.path = path
        self._connection = connection
        self._clock = clock

    @classmethod
    def open(cls, path: Path, *, busy_s: float = 5.0, clock: Callable[[], float] = time.time) -> Self:
        """Opens the store at a path for reading, also while a run is being written.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        return cls(open_reader(path, busy_s), path, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. A second time does nothing."""
        self._connection.close()

    def find(self, text: str) -> str:
        """Returns the one run id that begins or ends with the text: `20261120-2031-k3f9`, `k3f9`.

        Raises:
            InputError: no run, or several, fit.
        """
        query = """SELECT run_id FROM runs WHERE run_id = ?1 OR substr(run_id, 1, length(?1)) = ?1
            OR substr(run_id, -length(?1)) = ?1 ORDER BY run_id = ?1 DESC, began_at DESC"""
        found = [row["run_id"] for row in self._rows(query, clean(text))] if text else []
        if not found:
            msg = f"no run is called {text!r}"
            raise InputError(msg, hint="kerntune list shows them")
        if len(found) > 1 and found[0] != text:
            msg = f"{len(found)} runs are called {text!r}: {', '.join(found[:4])}{' …' * (len(found) > 4)}"
            raise InputError(msg, hint="give more of the id")
        return str(found[0])

    def runs(self, limit: int = 1000) -> tuple[Run, ...]:
        """Returns the newest runs, newest first."""
        return tuple(map(self._run, self._rows(f"{RUNS} ORDER BY began_at DESC, rowid DESC LIMIT ?", limit)))

    def run(self, run_id: str) -> Run:
        """Returns one run.

        Raises:
            InputError: there is none with this id.
        """
        rows = self._rows(f"{RUNS} WHERE run_id = ?", run_id)
        if not rows:
            msg = f"no run is called {run_id!r}"
            raise InputError(msg, hint="kerntune list shows them")
        return self._run(rows[0])

    def result(self, run_id: str) -> Result | None:
        """Returns what a run found, None while it has not ended."""
        return self.run(run_id).result

    def trials(self, run_id: str) -> tuple[Trial, ...]:
        """Returns the trials that ended, in their order, equal to those that were appended."""
        return self._trials(run_id, ended=True)

    def unfinished(self, run_id: str) -> tuple[Trial, ...]:
        """Returns the trials that were cut off by a crash, last the one in flight, as far as they came."""
        return self._trials(run_id, ended=False)

    def notes(self, run_id: str) -> tuple[str, ...]:
        """Returns the notes of a run in their order."""
        return tuple(
            row["text"]
            for row in self._rows("SELECT text FROM notes WHERE run_id = ? ORDER BY rowid", run_id)
        )

    def stop_requested(self, run_id: str) -> bool:
        """Returns whether somebody asked the run, in its present sitting, to stop."""
        query = "SELECT 1 FROM stops JOIN runs USING (run_id, resumed) WHERE run_id = ? LIMIT 1"
        return bool(self._rows(query, run_id))

    def _trials(self, run_id: str, *, ended: bool) -> tuple[Trial, ...]:
        with self._moment():
            rows = self._rows(TRIALS, run_id, ended)
            samples = self._rows(SAMPLES, run_id, ended)
        by_trial = {key: list(group) for key, group in groupby(samples, key=lambda row: row["trial_id"])}
        return tuple(_trial(row, by_trial.get(row["trial_id"], [])) for row in rows)

    def _run(self, row: sqlite3.Row) -> Run:
        owner = decode(Owner, row["owner"])
        return Run(
            run_id=row["run_id"],
            plan=decode(Plan, row["plan"]),
            setup=decode(Setup, row["setup"]),
            state=present_state(RunState(row["state"]), owner, self._clock() - row["seen_at"]),
            owner=owner,
            began_at=row["began_at"],
            seen_at=row["seen_at"],
            ended_at=row["ended_at"],
            resumed=row["resumed"],
            trials=row["trials"],
            failures=row["failures"],
            result=decode(Result, row["result"]) if row["result"] else None,
            reason=row["reason"],
        )

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with explained(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """Everything read in the block is of one moment."""
        with explained(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")


def _trial(row: sqlite3.Row, samples: Sequence[sqlite3.Row]) -> Trial:
    return Trial(
        number=row["number"],
        comparison=decode(Comparison, row["comparison"]),
        measurement=_measurement(samples),
        verdict=decode(Verdict, row["verdict"]) if row["verdict"] else None,
        failure=decode(Failure, row["failure"]) if row["failure"] else None,
        elapsed_s=row["elapsed_s"] or 0.0,
    )


def _measurement(rows: Sequence[sqlite3.Row]) -> Measurement:
    by_role: dict[str, list[sqlite3.Row]] = {"warmup": [], "reference": [], "candidate": []}
    for row in rows:
        by_role[row["role"]].append(row)
    pairs = tuple(
        Pair(_sample(reference), _sample(candidate), bool(reference["is_first"]))
        for reference, candidate in zip(by_role["reference"], by_role["candidate"], strict=True)
    )
    return Measurement(pairs, tuple(map(_sample, by_role["warmup"])))


def _sample(row: sqlite3.Row) -> Sample:
    return Sample(
        metrics=decode(tuple[Metric, ...], row["metrics"]),
        wall_s=row["wall_s"],
        started_at=row["started_at"],
        telemetry=decode(dict[str, float], row["telemetry"]),
    )
