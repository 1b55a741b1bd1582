"""The store's tables as numbered migrations. Released ones are never changed: a new one is appended."""

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x6B74756E  # "ktun": tells our file from another program's database

FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        plan TEXT NOT NULL,
        setup TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'done', 'interrupted', 'failed')),
        owner TEXT NOT NULL,
        began_at REAL NOT NULL,
        seen_at REAL NOT NULL,
        ended_at REAL,
        resumed INTEGER NOT NULL DEFAULT 0,
        result TEXT,
        reason TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    # A trial is open from its first pair on. Killed there, it stays as abandoned when it is tried anew.
    """CREATE TABLE trials (
        trial_id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES runs,
        number INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'done', 'abandoned')),
        comparison TEXT NOT NULL,
        verdict TEXT,
        failure TEXT,
        elapsed_s REAL
    ) STRICT""",
    "CREATE UNIQUE INDEX trials_by_number ON trials (run_id, number) WHERE state <> 'abandoned'",
    """CREATE TABLE samples (
        trial_id INTEGER NOT NULL REFERENCES trials,
        position INTEGER NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('warmup', 'reference', 'candidate')),
        is_first INTEGER NOT NULL,
        started_at REAL NOT NULL,
        wall_s REAL NOT NULL,
        metrics TEXT NOT NULL,
        telemetry TEXT NOT NULL,
        PRIMARY KEY (trial_id, position, role)
    ) STRICT""",
    """CREATE TABLE notes (
        run_id TEXT NOT NULL REFERENCES runs,
        at REAL NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (run_id, text)
    ) STRICT""",
    # A request is for the sitting it was made in: a resumed run does not stop for an old one.
    """CREATE TABLE stops (
        run_id TEXT NOT NULL REFERENCES runs,
        resumed INTEGER NOT NULL,
        at REAL NOT NULL,
        who TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX stops_by_run ON stops (run_id)",
    """CREATE VIEW overview AS
        SELECT run_id, plan ->> '$.goal' AS goal, plan ->> '$.workload.name' AS workload,
            plan ->> '$.target' AS target, setup ->> '$.facts.kernel' AS kernel, state,
            datetime(began_at, 'unixepoch') AS began, datetime(ended_at, 'unixepoch') AS ended,
            result ->> '$.verdict.outcome' AS outcome, result ->> '$.verdict.gain' AS gain
        FROM runs ORDER BY began_at DESC""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST,)
"""Statements that take the file from version n to n + 1. `PRAGMA user_version` holds the number applied."""

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Brings a database to the present version, each step in one transaction; several may try at once."""
    while version_of(connection) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _step(connection, migrations)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """Returns the number of migrations that a database has seen; 0 for an empty file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Returns whether a database has tables, but not ours."""
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    program = connection.execute("PRAGMA application_id").fetchone()[0]
    return bool(tables > 0 and program != APPLICATION_ID)


def _step(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    done = version_of(connection)  # somebody else may have migrated before we got the lock
    if done < len(migrations):
        for statement in migrations[done]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {done + 1}")
