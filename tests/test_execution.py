import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kerntune.errors import RunFailed, TargetError
from kerntune.execution import execute, started, tail_of
from kerntune.model.trial import FailureKind
from kerntune.testing.local import LocalPlace

PLACE = LocalPlace()


def shell(command, *, deadline_s=20.0, **more):
    return execute(PLACE, "local", ["/bin/sh", "-c", command], deadline_s=deadline_s, **more)


def is_running(pid):
    """A zombie that its new parent has yet to reap does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def written(path):
    """Waits for a child to have written its pid."""
    for _ in range(2000):
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.005)
    raise AssertionError(path)


def open_files():
    return sorted(Path("/proc/self/fd").iterdir())


def test_both_outputs_are_kept_apart():
    """Metrics are read from standard output only."""
    completed = shell("echo out; echo err >&2")

    assert (completed.stdout, completed.stderr, completed.returncode) == ("out\n", "err\n", 0)
    assert completed.tail == "out\nerr"
    assert completed.wall_s > 0


def test_a_run_leaves_no_open_file_behind():
    """Whether it succeeds, fails, is late or cannot start."""
    before = open_files()

    shell("true")
    for command in ("exit 1", "sleep 60", "yes"):
        with pytest.raises(RunFailed):
            shell(command, deadline_s=0.2, output_limit=1000)
    with pytest.raises(RunFailed):
        execute(PLACE, "local", ["/nowhere/to/be/found"], deadline_s=1)

    assert open_files() == before


def test_a_non_zero_exit_says_the_status_and_shows_the_tail():
    """Standard error stands last, where programs explain themselves."""
    with pytest.raises(RunFailed, match="exited with status 3") as caught:
        shell("echo working; echo broken pipe dream >&2; exit 3")

    assert caught.value.kind == FailureKind.EXIT
    assert caught.value.tail == "working\nbroken pipe dream"


def test_an_end_by_a_signal_names_the_signal():
    """A program that crashed did not exit."""
    with pytest.raises(RunFailed, match="ended by signal SIGSEGV") as caught:
        shell("kill -SEGV $$")

    assert caught.value.kind == FailureKind.EXIT


def test_a_program_that_does_not_exist_is_a_failed_run():
    """With what to do about it."""
    with pytest.raises(RunFailed, match="cannot be started: No such file") as caught:
        execute(PLACE, "local", ["no-such-program-anywhere"], deadline_s=5)

    assert caught.value.kind == FailureKind.EXIT
    assert "PATH" in caught.value.hint


def test_a_place_that_starts_nothing_leaves_no_open_file():
    """Its own error comes through as it is."""

    class Nowhere(LocalPlace):
        def start(self, argv, host, stdout, stderr, *, privileged=False):
            msg = "gone"
            raise TargetError(msg)

    before = open_files()

    with pytest.raises(TargetError, match="gone"):
        execute(Nowhere(), "local", ["true"], deadline_s=1)

    assert open_files() == before


def test_a_shell_that_finds_no_program_says_so():
    """Status 127 is the shell's word for it."""
    with pytest.raises(RunFailed, match="status 127") as caught:
        shell("no-such-program-anywhere")

    assert "not found" in caught.value.hint
    assert "no-such-program-anywhere" in caught.value.tail


def test_a_program_that_hangs_is_ended_at_its_deadline(tmp_path):
    """What it had printed by then is shown, and it runs no more."""
    with pytest.raises(RunFailed, match=r"did not end within 0\.3 s") as caught:
        shell(f"echo $$ > {tmp_path}/pid; echo halfway; exec sleep 600", deadline_s=0.3)

    assert caught.value.kind == FailureKind.TIMEOUT
    assert caught.value.tail == "halfway"
    assert not is_running(written(tmp_path / "pid"))


def test_a_program_that_hangs_with_its_output_closed_is_ended_too():
    """The deadline holds though there is nothing left to read."""
    with pytest.raises(RunFailed) as caught:
        shell("exec >&- 2>&-; exec sleep 600", deadline_s=0.3)

    assert caught.value.kind == FailureKind.TIMEOUT


def test_a_program_that_ignores_polite_signals_is_ended():
    """SIGKILL cannot be ignored."""
    with pytest.raises(RunFailed) as caught:
        shell("trap '' TERM INT HUP; while :; do sleep 600; done", deadline_s=0.3)

    assert caught.value.kind == FailureKind.TIMEOUT


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_a_flood_is_ended_at_the_limit(stream):
    """Long before the deadline, and the end of the flood is shown."""
    with pytest.raises(RunFailed, match="printed more than 100000 bytes") as caught:
        shell(f"yes flood {stream}", output_limit=100_000)

    assert caught.value.kind == FailureKind.OUTPUT
    assert "flood" in caught.value.tail
    assert len(caught.value.tail) <= 2001


def test_output_just_below_the_limit_is_whole():
    """The limit is no truncation."""
    completed = shell("head -c 3000000 /dev/zero | tr '\\0' x", output_limit=3_000_000)

    assert len(completed.stdout) == 3_000_000


def test_output_that_is_not_text_is_no_error():
    """Bytes that are not UTF-8 become replacement characters."""
    assert shell(r"printf '\377ok\n'").stdout == "\ufffdok\n"


def test_children_left_behind_are_ended(tmp_path):
    """The run is over when the program is, though a child still holds its output open."""
    shell(f"sleep 600 & echo $! > {tmp_path}/pid; echo done")

    assert not is_running(written(tmp_path / "pid"))


def test_children_in_a_session_of_their_own_are_ended(tmp_path):
    """A daemon left its process group; the mark in its environment gives it away."""
    inner = f"echo $$ > {tmp_path}/pid; exec sleep 600"
    escape = f"setsid sh -c {shlex.quote(inner)} >/dev/null 2>&1 &"
    shell(f"{escape} while [ ! -s {tmp_path}/pid ]; do sleep 0.01; done")

    assert not is_running(written(tmp_path / "pid"))


def test_somebody_elses_program_is_left_alone():
    """Only what a run started is ended with it."""
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        shell("true")

        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.fixture
def interruptible():
    """A job in the background of a shell ignores SIGINT; here it is to interrupt, wherever the tests run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_program_too():
    """Ctrl-C while a run is under way leaves nothing behind."""
    pids = []

    def interrupted():
        with started(PLACE, "local", ["/bin/sh", "-c", "echo $$; sleep 600"]) as program:
            pids.append(int(program.first_line(20)))
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert not is_running(pids[0])


def test_the_first_line_is_read_while_the_program_runs():
    """A server prints its port and goes on; what it prints later is there in the end."""
    with started(
        PLACE, "local", ["/bin/sh", "-c", "printf po; sleep 0.05; echo rt: 1; echo more"]
    ) as program:
        line = program.first_line(20)
        completed = program.finish(20)

    assert line == "port: 1"
    assert completed.stdout == "port: 1\nmore\n"


def test_a_program_that_ends_without_a_line_is_a_failed_run():
    """A server that cannot start is not waited for until the deadline; what it said is shown."""
    with (
        pytest.raises(RunFailed, match="ended before it printed a line") as caught,
        started(PLACE, "local", ["/bin/sh", "-c", "echo address in use >&2; exit 1"]) as program,
    ):
        program.first_line(20)

    assert caught.value.tail == "address in use"


def test_a_program_that_prints_no_line_in_time_is_late():
    """And is ended."""
    with (
        pytest.raises(RunFailed, match=r"printed no line within 0\.1 s") as caught,
        started(PLACE, "local", ["sleep", "600"]) as program,
    ):
        program.first_line(0.1)

    assert caught.value.kind == FailureKind.TIMEOUT


def test_a_short_text_is_its_own_tail():
    """Only longer ones lose their beginning, and show that they did."""
    assert tail_of("short") == "short"
    assert tail_of("x" * 3000) == "…" + "x" * 2000
