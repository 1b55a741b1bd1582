"""What can be wrong with the store's file: each is said in plain words, and no file is ever thrown away."""

import os
import re
import resource
import sqlite3
import stat
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kerntune.errors import StoreError
from kerntune.model.trial import Note, TrialDone
from kerntune.store import History, Store
from kerntune.store.connection import lock_holder
from kerntune.store.schema import APPLICATION_ID, VERSION

NOBODY = 65534


def filled(path: Path, make) -> str:
    with Store.open(path) as store:
        run_id = store.begin(make.plan, make.setup)
        store.append(run_id, TrialDone(make.trial(1)))
    return run_id


def in_child(act) -> str:
    """Returns what `act` returns or raises, in words, in a process of its own."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = str(act())
        except BaseException as error:  # noqa: BLE001 - the child must tell everything, and never return
            said = f"{type(error).__name__}: {error} | {getattr(error, 'hint', '')}"
        os.write(send, said.encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_the_state_directory_is_made_for_its_owner_only(path):
    """Every missing directory, mode 0700; the file with write-ahead log and our mark."""
    with Store.open(path):
        pass

    for directory in (path.parent, path.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert raw.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_commit_is_on_the_disk_when_it_returns(store):
    """synchronous=FULL (2): a machine hung by a knob keeps what was acknowledged. Keys are checked."""
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert store._connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_odd_paths_are_paths(tmp_path, make):
    """Question marks, hashes and blanks are no part of a URI's syntax here."""
    path = tmp_path / "a b?mode=ro#%41" / "s?.db"
    run_id = filled(path, make)

    assert path.exists()
    with History.open(path) as history:
        assert history.trials(run_id) == (make.trial(1),)


def test_a_locked_store_says_who_locks_it(path, make):
    """Another process in the middle of a write: its number and name, and the run stays as it was."""
    run_id = filled(path, make)
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); sys.stdin.read()"
    )
    argv = [os.sys.executable, "-c", script, str(path)]
    with (
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
        Store.open(path, busy_s=0.05) as store,
    ):
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(StoreError, match=rf"locked by process {other.pid} \(python") as caught:
            store.begin(make.plan, make.setup)
        assert "try again" in caught.value.hint
        with History.open(path, busy_s=0.05) as history:
            assert history.trials(run_id) == (make.trial(1),)
        other.stdin.close()
        other.wait()

        assert store.begin(make.plan, make.setup)


def test_a_lock_holder_that_is_not_told_is_another_process(path, tmp_path, make):
    """No /proc/locks, or none of our files in it."""
    filled(path, make)
    (tmp_path / "locks").write_text(
        f"1: POSIX  ADVISORY  WRITE 12 fe:00:{path.stat().st_ino} 0 0\n1: FLOCK x\n"
    )

    assert lock_holder(path, tmp_path) == ""
    assert lock_holder(path, tmp_path / "nowhere") == ""


@pytest.mark.parametrize("at_rest", [b"not a database at all, but a long enough text" * 100, b"\x00" * 8192])
def test_a_file_that_is_no_database_is_kept(path, at_rest):
    """The user's file, by mistake: said, left alone byte by byte."""
    path.parent.mkdir(parents=True)
    path.write_bytes(at_rest)

    for opener in (Store.open, History.open):
        with pytest.raises(StoreError, match="is damaged") as caught:
            opener(path)
        assert f"mv {path}* {path.parent}/damaged" in caught.value.hint
    assert path.read_bytes() == at_rest


def test_a_damaged_store_is_found_before_a_study_begins(path, make):
    """Zeros over the pages in the middle: quick_check sees it at the start, not in the tenth trial."""
    with Store.open(path) as store:
        for _ in range(30):
            store.append(store.begin(make.plan, make.setup), TrialDone(make.trial(1, pairs=5)))
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 4)
    damaged = path.read_bytes()

    with pytest.raises(StoreError, match="is damaged"):
        Store.open(path)
    assert path.read_bytes() == damaged != whole


def test_a_truncated_store_is_damaged(path, make):
    """Half a file, as a full disk or a broken copy leaves it."""
    filled(path, make)
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(StoreError, match="is damaged"):
        Store.open(path)


def test_a_newer_store_is_not_touched(path, make):
    """An older kerntune must not write into tables that it does not know."""
    filled(path, make)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {VERSION + 1}")

    for opener in (Store.open, History.open):
        with pytest.raises(StoreError, match=f"schema {VERSION + 1}, this one knows {VERSION}") as caught:
            opener(path)
        assert "upgrade kerntune" in caught.value.hint


def test_another_programs_database_is_not_touched(path):
    """A browser's history, say."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE urls (url TEXT)")

    for opener in (Store.open, History.open):
        with pytest.raises(StoreError, match="database of another program"):
            opener(path)


def test_no_store_yet_is_said(path):
    """Reading does not make an empty store."""
    with pytest.raises(StoreError, match="no store at") as caught:
        History.open(path)

    assert "kerntune tune" in caught.value.hint
    assert not path.parent.exists()


def test_a_directory_in_the_place_of_the_file_is_said(path):
    """Any other obstacle is a StoreError too."""
    path.mkdir(parents=True)

    with pytest.raises(StoreError, match="unable to open"):
        Store.open(path)


def test_a_file_in_the_place_of_the_directory_is_said(tmp_path):
    """The state directory cannot be made."""
    (tmp_path / "state").write_text("")

    with pytest.raises(StoreError, match=r"cannot open .*: Not a directory"):
        Store.open(tmp_path / "state" / "kerntune" / "store.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_somebody_elses_store_is_read_but_not_written(make, path, tmp_path):
    """An unprivileged reader of a directory where it may not write, with nobody writing."""
    run_id = filled(path, make)
    for directory in (*path.parents[:3], tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)

    def read() -> str:
        with History.open(path) as history:
            return f"{len(history.trials(run_id))} trial"

    def write() -> str:
        with Store.open(path) as store:
            return store.begin(make.plan, make.setup)

    with as_nobody():
        read_said, write_said = in_child(read), in_child(write)

    assert read_said == "1 trial"
    assert write_said.startswith("StoreError: cannot write to")
    assert "check the permissions" in write_said


@contextmanager
def as_nobody():
    """Children started in the block are nobody's: they inherit the effective user."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def tmpfs(directory: Path, size: str):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "kerntune-test", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def until_full(store: Store, run_id: str) -> tuple[int, StoreError]:
    """Returns how many notes fit, and the error of the first that did not."""
    for count in range(10_000):
        try:
            store.append(run_id, Note(f"{count} {'x' * 2000}"))
        except StoreError as error:
            return count, error
    pytest.fail("the disk never became full")


def can_mount() -> bool:
    return os.geteuid() == 0 and subprocess.run(["mountpoint", "-q", "/proc"], check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="only root can mount a small tmpfs")
def test_a_full_disk_loses_nothing_acknowledged(tmp_path, make):
    """A real file system of 1 MB: the error says so, what was stored before is there, and room helps."""
    with tmpfs(tmp_path, "1m"):
        path = tmp_path / "store.db"
        with Store.open(path) as store:
            run_id = store.begin(make.plan, make.setup)
            ballast = tmp_path / "ballast"
            ballast.write_bytes(b"x" * 200_000)
            stored, error = until_full(store, run_id)
            assert re.search("no space left|cannot read or write", str(error))
            assert error.hint
            assert len(store.notes(run_id)) == stored > 0

            ballast.unlink()
            store.append(run_id, TrialDone(make.trial(1)))
        with History.open(path) as history:
            assert len(history.notes(run_id)) == stored
            assert history.trials(run_id) == (make.trial(1),)


def test_a_file_size_limit_loses_nothing_acknowledged(path, make):
    """The same without root: the kernel refuses to let the log grow."""
    run_id = filled(path, make)

    def fill() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        store = Store.open(path)
        stored, error = until_full(store, run_id_of(store))
        return f"{stored} {error}"

    def run_id_of(store: Store) -> str:
        return store.begin(make.plan, make.setup)

    stored, _, said = in_child(fill).partition(" ")

    assert re.match(r"cannot read or write .*store\.db|no space left", said)
    with Store.open(path) as store:
        newest = store.runs()[0]
        assert len(store.notes(newest.run_id)) == int(stored) > 0
        assert store.trials(run_id) == (make.trial(1),)


def test_sqlites_own_limit_is_no_space_too(path, make):
    """max_page_count, the third way to be full."""
    with Store.open(path) as store:
        run_id = store.begin(make.plan, make.setup)
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        stored, error = until_full(store, run_id)

        assert "no space left to store in" in str(error)
        assert len(store.notes(run_id)) == stored


def test_readers_see_whole_trials_while_the_writer_writes(path, make):
    """A reader in another process: every answer is of one moment, never less than the one before."""
    run_id = filled(path, make)
    go, told = os.pipe()

    def write() -> str:
        os.read(go, 1)
        with Store.open(path) as store:
            mine = store.begin(make.plan, make.setup)
            for number in range(1, 41):
                for event in make.events(make.trial(number)):
                    store.append(mine, event)
        return mine

    child = os.fork()
    if child == 0:
        said = 1
        try:
            write()
            said = 0
        finally:
            os._exit(said)
    seen = [0]
    with History.open(path) as history:
        os.write(told, b"x")
        deadline = time.monotonic() + 30
        while seen[-1] < 40 and time.monotonic() < deadline:
            newest = history.runs()[0].run_id
            found = history.trials(newest) if newest != run_id else ()
            assert found == tuple(make.trial(number) for number in range(1, len(found) + 1))
            assert len(found) >= seen[-1]
            seen.append(len(found))
    _, status = os.waitpid(child, 0)
    os.close(go)
    os.close(told)

    assert status == 0
    assert seen[-1] == 40
