"""The warden: programs run where and as whom they should, and nothing of them is left, whoever is killed."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerntune.errors import RunFailed, TargetError
from kerntune.execution import execute, started
from kerntune.targets.host import account
from kerntune.targets.host.client import Warden
from kerntune.targets.host.place import HOST, HostPlace
from kerntune.targets.host.warden import Terms

LEAVES_CHILDREN = (
    "(sleep 601 &); setsid sleep 602 & setsid sh -c 'sleep 603 & sleep 604' & echo up; sleep 605"
)
PATIENCE_S = 20.0


def terms(directory: Path, reserve_bytes: int = 0) -> Terms:
    user = account.ordinary("")
    return Terms(str(directory), user.uid, user.gid, user.name, reserve_bytes)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory that every account may enter."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent.name.startswith("pytest"):
            parent.chmod(0o755)
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.fixture
def warden(directory: Path) -> Iterator[Warden]:
    with Warden(terms(directory)) as opened:
        yield opened


def working_in(directory: Path) -> list[str]:
    """The programs whose working directory lies there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(directory):
                found.append((entry / "comm").read_text().strip())
        except OSError:
            continue
    return found


def eventually(fact: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE_S
    while not fact():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def test_programs_run_in_a_private_directory_as_an_ordinary_account(warden: Warden):
    """Also where we are root: then as nobody; its home and its temporary files are the directory."""
    printed = execute(
        HostPlace(warden),
        HOST,
        ["/bin/sh", "-c", "id -u; pwd; echo $HOME $TMPDIR; touch mine"],
        deadline_s=20,
    ).stdout.split()

    assert int(printed[0]) == account.ordinary("").uid != 0
    assert set(printed[1:]) == {str(warden.scratch)}
    assert warden.scratch.stat().st_mode & 0o777 == 0o700


def test_a_privileged_program_runs_as_who_we_are(warden: Warden):
    """The user's own benchmark may need what the user may."""
    printed = execute(HostPlace(warden), HOST, ["id", "-u"], deadline_s=20, privileged=True).stdout

    assert int(printed) == os.geteuid()


def test_a_program_holds_no_file_of_ours(warden: Warden):
    """Over the pipe of reports it could tell a status that it never had, and hold it open beyond its end."""
    printed = execute(HostPlace(warden), HOST, ["/bin/sh", "-c", "ls /proc/$$/fd"], deadline_s=20).stdout

    assert printed.split() == ["0", "1", "2"]


def test_whatever_a_program_leaves_is_ended_with_it(warden: Warden):
    """Children in other sessions and groups, and their children, too."""
    with started(HostPlace(warden), HOST, ["/bin/sh", "-c", LEAVES_CHILDREN]) as program:
        program.first_line(PATIENCE_S)
        assert eventually(lambda: working_in(warden.scratch).count("sleep") == 5)

    assert working_in(warden.scratch) == []


def test_a_program_that_ended_still_has_its_children_ended(warden: Warden):
    """A daemon's parent leaves at once; the daemon does not outlive the run."""
    execute(HostPlace(warden), HOST, ["/bin/sh", "-c", "setsid sleep 606 >&- 2>&- &"], deadline_s=20)

    assert working_in(warden.scratch) == []


def test_a_killed_gatherer_leaves_nothing_of_its_program_to_the_next_run(warden: Warden):
    """What it ran is ended with the run that it belonged to; a program beside it goes on."""
    null = os.open(os.devnull, os.O_RDWR)
    victim, other = (HostPlace(warden) for _ in range(2))
    victim.start(["sleep", "607"], HOST, null, null)
    beside = other.start(["sleep", "608"], HOST, null, null)
    os.close(null)
    os.kill(min(children(warden.pid)), signal.SIGKILL)

    victim.end_programs()

    assert working_in(warden.scratch) == ["sleep"]
    assert beside.wait(0.0) is None


def children(parent: int) -> set[int]:
    """The processes that a process has started."""
    return {
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if stat.read_text().rpartition(")")[2].split()[1] == str(parent)
    }


def test_closing_ends_everything_and_removes_the_directory(directory: Path):
    """A target that is left while a program runs leaves nothing."""
    with Warden(terms(directory)) as opened:
        scratch = opened.scratch
        null = os.open(os.devnull, os.O_RDWR)
        HostPlace(opened).start(["/bin/sh", "-c", LEAVES_CHILDREN], HOST, null, null)
        os.close(null)

    assert not scratch.exists()
    assert working_in(scratch) == []


TUNER = """
import json, os, sys, time
from pathlib import Path
from kerntune.targets.host.client import Warden
from kerntune.targets.host.place import HOST, HostPlace
from kerntune.targets.host.warden import Terms
warden = Warden(Terms(**json.loads(sys.argv[1])))
null = os.open(os.devnull, os.O_RDWR)
process = HostPlace(warden).start(["/bin/sh", "-c", sys.argv[2]], HOST, null, null)
print(warden.pid, warden.scratch, flush=True)
time.sleep(600)
"""


def tuner(directory: Path) -> tuple[subprocess.Popen[str], int, Path]:
    """A tuner of its own with a program that runs; its warden's number and its directory."""
    import dataclasses
    import json

    told = json.dumps(dataclasses.asdict(terms(directory)))
    process = subprocess.Popen(
        [sys.executable, "-c", TUNER, told, LEAVES_CHILDREN], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid, _, scratch = process.stdout.readline().strip().partition(" ")
    assert eventually(lambda: working_in(Path(scratch)).count("sleep") >= 5)
    return process, int(pid), Path(scratch)


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_tuner_leaves_neither_programs_nor_files(directory: Path):
    """Kill -9 of the tuner: its warden outlives it and cleans up."""
    process, _, scratch = tuner(directory)

    ended(process)

    assert eventually(lambda: not working_in(scratch) and not scratch.exists())


def test_a_killed_warden_takes_its_programs_along(directory: Path):
    """Kill -9 of the warden: each program's own gatherer ends it; the next warden removes the directory."""
    process, pid, scratch = tuner(directory)

    os.kill(pid, signal.SIGKILL)

    assert eventually(lambda: not working_in(scratch))
    ended(process)
    with Warden(terms(directory)):
        assert not scratch.exists()


def test_a_living_warden_keeps_its_directory(warden: Warden, directory: Path):
    """A second one sweeps only what nobody holds."""
    with Warden(terms(directory)) as other:
        assert other.scratch != warden.scratch
        assert warden.scratch.exists()


def test_a_shell_of_somebody_who_looks_around_is_not_ended(directory: Path):
    """What a killed tuner left has no terminal; whoever has one came later."""
    left = directory / "kerntune-left"
    left.mkdir()
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(left)
        os.execv("/bin/sleep", ["sleep", "609"])  # noqa: S606 - an argv list
    assert eventually(lambda: working_in(left) == ["sleep"])

    with Warden(terms(directory)):
        pass

    assert not left.exists()
    assert os.waitpid(shell, os.WNOHANG) == (0, 0)
    os.kill(shell, signal.SIGKILL)
    os.waitpid(shell, 0)
    os.close(terminal)


def test_foreign_directories_of_that_name_stay(directory: Path):
    """Only what is a directory, of our name and our user, and unlocked, is swept; links are not followed."""
    precious = directory / "precious"
    precious.mkdir()
    (directory / "kerntune-link").symlink_to(precious)
    (directory / "kerntune-file").write_text("")

    with Warden(terms(directory)):
        pass

    assert precious.exists()
    assert (directory / "kerntune-file").exists()


def test_programs_are_ended_when_memory_runs_low(directory: Path):
    """Before the kernel ends somebody else's; the reason is told, once."""
    with Warden(terms(directory, reserve_bytes=1 << 60)) as warden:
        with pytest.raises(RunFailed, match="SIGKILL"):
            execute(HostPlace(warden), HOST, ["sleep", "600"], deadline_s=PATIENCE_S)

        assert "memory ran low" in warden.trouble()
        assert warden.trouble() == ""


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path):
    """The error names the place and what to do."""
    with pytest.raises(TargetError, match="cannot make a directory") as caught:
        Warden(terms(tmp_path / "missing"))

    assert "target option directory" in caught.value.hint
