"""Migrations: released ones never change, old files are brought up, several processes may do it at once."""

import hashlib
import os
import sqlite3
from contextlib import closing

import pytest

from kerntune.store import History, Store, schema

RELEASED = ("94f35dd0eddadcbf",)
"""One digest for each migration that a user may have applied. Append; never change."""


def test_released_migrations_never_change():
    """A user's file has them in this form: a change would make two kinds of version 1."""
    digests = (hashlib.sha256("\n".join(step).encode()).hexdigest()[:16] for step in schema.MIGRATIONS)

    assert tuple(digests)[: len(RELEASED)] == RELEASED


def test_an_empty_file_is_brought_up_by_a_reader_too(path, make):
    """A writer was killed before its first transaction: the file is there, its tables are not."""
    path.parent.mkdir(parents=True)
    path.touch()

    with History.open(path) as history:
        assert history.runs() == ()


def test_a_migration_that_fails_leaves_the_file_as_it_was(path):
    """Half of its statements are not there afterwards."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(raw, [["CREATE TABLE half (a)", "CREATE TABLE half (a)"]])

        assert schema.version_of(raw) == 0
        assert raw.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


@pytest.mark.parametrize("_round", range(8))
def test_many_processes_make_the_store_at_once(path, make, _round):
    """Eight first runs at the same moment: one makes the tables, all of them begin."""
    path.parent.mkdir(parents=True)
    wait, go = os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(go)
                os.read(wait, 1)
                with Store.open(path, busy_s=30) as store:
                    store.begin(make.plan, make.setup)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(wait)
    os.close(go)
    statuses = [os.waitpid(child, 0)[1] for child in children]

    assert statuses == [0] * 8
    with History.open(path) as history:
        assert len(history.runs()) == 8


def test_the_overview_is_for_people_with_a_shell(path, make):
    """`sqlite3 store.db 'SELECT * FROM overview'` shows goals and outcomes."""
    with Store.open(path) as store:
        run_id = store.begin(make.plan, make.setup)
        store.append(run_id, make.result())
    with closing(sqlite3.connect(path)) as raw:
        row = raw.execute("SELECT run_id, goal, workload, target, kernel, state, outcome, gain FROM overview")

        assert row.fetchone() == (
            *(run_id, "bulk file transfer", "wan_transfer", "netns"),
            *("6.18.1", "done", "better", 2.4),
        )
