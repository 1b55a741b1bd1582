import os
import shutil
import time
from pathlib import Path

import pytest

from kerntune.errors import PlanError, RunFailed
from kerntune.execution import execute
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads import pgbench
from kerntune.workloads.disk import write_file
from kerntune.workloads.pgbench import Pgbench, program

SMALL = {"scale": 1, "clients": 2, "duration_s": 2.0, "buffers_mib": 32}


@pytest.mark.slow
def test_a_real_cluster_is_made_once_and_measured_in_every_mode(ordinary):
    """PostgreSQL is started for each run and shut down in order; only its data stay."""
    Pgbench(SMALL).prepare(ordinary)

    for mode in ("read-write", "read-only", "analytics"):
        check_workload(Pgbench, {**SMALL, "mode": mode}, ordinary, deadline_s=60)

    home = ordinary.scratch("local") / "pgbench"
    assert [path.name for path in home.iterdir()] == ["data"]
    assert not (home / "data" / "postmaster.pid").exists()
    state = execute(ordinary, "local", [program("pg_controldata"), str(home / "data")], deadline_s=20).stdout
    assert "shut down" in state
    assert "in production" not in state


@pytest.mark.slow
def test_a_table_is_warmed_to_the_end_or_not_at_all(ordinary):
    """As far as the server's memory reaches, whatever the account's psql does; a failure is no warm-up."""
    Pgbench(SMALL).prepare(ordinary)
    home = ordinary.scratch("local") / "pgbench"
    write_file(ordinary, "local", home / "psqlrc", f"\\! touch {home}/read\n")
    ordinary._environment["PSQLRC"] = str(home / "psqlrc")
    cluster = pgbench._Cluster(home, ordinary, "local")
    deadline = time.monotonic() + 60

    with cluster.serving(32, deadline):
        assert list((home / "data/pg_dynshmem").iterdir())  # not in /dev/shm, where a killed server leaves it
        cluster.warm(1, 32, deadline)
        counted = "SELECT heap_blks_read >= relpages FROM pg_statio_user_tables JOIN pg_class ON oid = relid"
        which = " AND pg_class.relname = 'pgbench_accounts' WHERE pg_class.relname = 'pgbench_accounts'"
        asked = ["psql", "-X", "-t", "-A", "-c", counted + which, "postgres"]
        assert cluster.execute(cluster.argv(*asked), deadline).stdout.strip() == "t"
        drop = ["psql", "-X", "-c", "DROP TABLE pgbench_accounts", "postgres"]
        cluster.execute(cluster.argv(*drop), deadline)
        with pytest.raises(RunFailed, match="psql"):
            cluster.warm(1, 32, deadline)

    assert not (home / "read").exists()


def test_no_more_is_warmed_than_fits():
    """A table larger than the server's memory would only pass through it; 15 MiB are 100,000 rows."""
    assert pgbench.warm_rows(scale=40, buffers_mib=1024) == 4_000_000
    assert pgbench.warm_rows(scale=1000, buffers_mib=150) == 1_000_000
    assert pgbench.warm_rows(scale=1, buffers_mib=8) == 100_000


@pytest.mark.slow
def test_two_servers_never_share_a_cluster(ordinary):
    """A server at work there, left over or not, is told; it is not the one that is measured."""
    Pgbench(SMALL).prepare(ordinary)
    data = str(ordinary.scratch("local") / "pgbench" / "data")
    start = [program("pg_ctl"), "-D", data, "-w", "-s", "-o", "-c listen_addresses= -k " + data, "start"]
    with Path(os.devnull).open("wb") as null:
        other = ordinary.start(start, "local", null.fileno(), null.fileno())
    try:
        assert other.wait(60) == 0
        with pytest.raises(RunFailed, match="ended with status 1") as caught:
            Pgbench(SMALL).run(ordinary, 60)
    finally:
        execute(ordinary, "local", [program("pg_ctl"), "-D", data, "-m", "fast", "stop"], deadline_s=60)
        other.end()

    assert "postmaster.pid" in caught.value.tail
    assert "another server" in caught.value.hint


def test_a_directory_that_is_not_empty_is_refused(ordinary):
    """It may be somebody's data."""
    home = ordinary.scratch("local") / "pgbench"
    home.mkdir()
    (home / "data").mkdir()

    with pytest.raises(RunFailed, match="is not empty"):
        Pgbench(SMALL).prepare(ordinary)


def test_a_disk_without_room_is_told_before_anything_is_written(ordinary):
    """At a scale beyond any disk's."""
    with pytest.raises(RunFailed, match=r"pgbench at scale 100000 needs \d+ MiB on the disk"):
        Pgbench({**SMALL, "scale": 100_000}).prepare(ordinary)

    assert not (ordinary.scratch("local") / "pgbench").exists()


def test_a_run_without_its_cluster_is_refused(ordinary):
    """It is made before."""
    with pytest.raises(RunFailed, match="no cluster"):
        Pgbench(SMALL).run(ordinary, 20)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets it")
def test_postgresql_as_root_is_told_with_a_way_out(tmp_path):
    """Where the place has no ordinary account to change to."""
    with pytest.raises(RunFailed, match="PostgreSQL does not run as root") as caught:
        Pgbench(SMALL).prepare(LocalPlace(scratch=tmp_path))

    assert "ordinary account" in caught.value.hint
    shutil.rmtree(tmp_path / "pgbench")


def test_what_cannot_be_executed_is_no_program(tmp_path, monkeypatch):
    """Though it lies beside initdb: it would fail only when it is started, or the server never seem ready."""
    (tmp_path / "initdb").touch(mode=0o755)
    (tmp_path / "psql").touch(mode=0o644)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert program("initdb") == str(tmp_path / "initdb")
    assert program("psql") != str(tmp_path / "psql")


@pytest.mark.parametrize("option", [{"mode": "write"}, {"scale": 0}, {"duration_s": 1.5}, {"clients": 0}])
def test_wrong_options_are_told(option):
    """Before anything is started; pgbench counts whole seconds."""
    with pytest.raises(PlanError, match=next(iter(option))):
        Pgbench(option)
