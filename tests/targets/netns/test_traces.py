"""Nothing is left, whichever process of a sandbox is killed; nothing outside it changes."""

import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kerntune.catalog import Catalog
from kerntune.errors import HandError, TargetError
from kerntune.targets.netns import NetnsTarget, open_target
from kerntune.testing.target import PATIENCE_S, running

pytestmark = pytest.mark.root

PROC = Path("/proc")
CONFIG = {"net.ipv4.tcp_wmem:max": 8 << 20, "net.core.somaxconn": 8192}

TUNER = """
import sys
from pathlib import Path
from kerntune.catalog import load
from kerntune.errors import KerntuneError
from kerntune.targets.netns import open_target

try:
    with open_target({"emulator": "forwarder"}, journal_dir=Path(sys.argv[1]), catalog=load()) as target:
        with target.applied({"net.core.somaxconn": 8192}) as place:
            place.start(["/bin/sh", "-c", "setsid sleep 600 & exec sleep 600"], "client", 2, 2)
            place.start(["sleep", "600"], "server", 2, 2)
            print("ready", flush=True)
            sys.stdin.readline()
except KerntuneError as error:
    print(type(error).__name__, error, flush=True)
else:
    print("well", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Tuner:
    """A tuner with a sandbox in mid-run; all its processes carry `mark` in their environment."""

    process: subprocess.Popen[str]
    mark: str
    journal: Path

    def living(self) -> Mapping[int, str]:
        """Returns the pids and names of all its processes."""
        return {
            int(entry.name): (entry / "comm").read_text().strip()
            for entry in PROC.iterdir()
            if entry.name.isdigit() and _carries(entry, self.mark)
        }

    def kill_all(self) -> None:
        """Kills every process of it, the oldest first; some end by themselves meanwhile."""
        for pid in sorted(self.living()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def left(self) -> list[str]:
        """Returns what is left of it in the end: processes, and files where its journal was."""
        deadline = time.monotonic() + PATIENCE_S
        while (living := self.living()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return [*living.values(), *map(str, self.journal.iterdir())]


def _carries(entry: Path, mark: str) -> bool:
    try:
        state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX" and mark.encode() in (entry / "environ").read_bytes()
    except OSError:
        return False


@contextmanager
def tuner(journal: Path) -> Iterator[Tuner]:
    """Starts a tuner and waits until its workload runs."""
    mark = f"KERNTUNE_TEST_{uuid.uuid4().hex}"
    with subprocess.Popen(
        [sys.executable, "-c", TUNER, str(journal)],
        env={**os.environ, mark: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        started = Tuner(process, mark, journal)
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], PATIENCE_S)[0]
            assert process.stdout.readline() == "ready\n"
            yield started
        finally:
            started.kill_all()


NAMES = ("kerntune-keeper", "kerntune-pid1", "kerntune-link", "kerntune-hand", "kerntune-init", "sleep")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_when_one_process_is_killed(name: str, target: NetnsTarget, journal: Path) -> None:
    """The tuner is told or does not care; when it leaves, nothing of the sandbox lives on."""
    with tuner(journal) as started:
        victim = min(pid for pid, comm in started.living().items() if comm == name)
        os.kill(victim, signal.SIGKILL)
        said, complained = started.process.communicate("\n", timeout=PATIENCE_S)

        assert started.left() == []
        assert complained == ""
        assert said.startswith("well" if name in ("kerntune-init", "sleep") else ("TargetError", "HandError"))


@pytest.mark.parametrize("name", ["kerntune-link", "kerntune-hand"])
def test_the_run_after_a_kill_is_as_good_as_any(name: str, target: NetnsTarget) -> None:
    """A link or a hand that was killed spoils its own run only."""
    with ExitStack() as stack:
        stack.enter_context(target.applied(CONFIG))
        os.kill(_below(target._keeper.pid, name), signal.SIGKILL)
        with pytest.raises(TargetError):
            stack.close()

    with target.applied(CONFIG) as place, running(place, "exit 3", "client") as output:
        assert output.process.wait(PATIENCE_S) == 3


def test_nothing_is_left_when_the_tuner_is_killed(target: NetnsTarget, journal: Path) -> None:
    """A kill -9 of the tuner ends everything: keeper, link, hands, guardians, programs, daemons."""
    with tuner(journal) as started:
        names = set(started.living().values())
        started.process.kill()

        assert started.left() == []
    assert names.issuperset(NAMES)


def test_nothing_is_left_when_all_are_killed(target: NetnsTarget, journal: Path) -> None:
    """All processes at once, the tuner first: the files of the sandbox were only ever in its memory."""
    with tuner(journal) as started:
        started.kill_all()

        assert started.left() == []


def test_a_daemon_ends_with_its_program(target: NetnsTarget) -> None:
    """Two forks, a session of its own, no output held open: the kernel ends it all the same."""
    seconds = f"600.{uuid.uuid4().int % 10**9}"
    script = f"(setsid sleep {seconds} </dev/null >/dev/null 2>&1 &); echo up"
    with target.applied({}) as place, running(place, script, "server") as output:
        output.read(until="up")
        assert output.process.wait(PATIENCE_S) == 0
        _await(seconds)
        output.process.end()

        assert _running(seconds) == 0


def _below(ancestor: int, name: str) -> int:
    """Returns the first process of a name among the descendants of another."""
    family = {ancestor}
    for entry in sorted(PROC.glob("[0-9]*"), key=lambda entry: int(entry.name)):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) not in family:
                continue
            family.add(int(entry.name))
            if (entry / "comm").read_text().strip() == name:
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError(name)


def _await(word: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _running(word):
        assert time.monotonic() < deadline, "the daemon never came up"
        time.sleep(0.01)


def _running(word: str) -> int:
    count = 0
    for entry in PROC.glob("[0-9]*"):
        try:
            count += f"\0{word}\0".encode() in (entry / "cmdline").read_bytes()
        except OSError:
            continue
    return count


def test_both_hosts_have_the_config_and_the_machine_does_not(target: NetnsTarget) -> None:
    """The values are in the kernel of both hosts, and nowhere else."""
    files = ("net/ipv4/tcp_wmem", "net/core/somaxconn")
    outside = [(PROC / "sys" / file).read_text() for file in files]
    seen = {}
    with target.applied(CONFIG) as place:
        for host in place.hosts:
            script = f"cd /proc/sys; cat {' '.join(files)}"
            with running(place, script, host) as output:
                seen[host] = output.read().split()
        inside = [(PROC / "sys" / file).read_text() for file in files]

    assert inside == outside
    assert seen["client"] == seen["server"]
    assert seen["client"][2:] == [str(8 << 20), "8192"]


def test_a_knob_changed_by_somebody_else_is_reported(target: NetnsTarget) -> None:
    """Another writer in mid-run makes the run worthless, and is named."""
    with ExitStack() as stack:
        place = stack.enter_context(target.applied(CONFIG))
        with running(place, "echo 9999 > /proc/sys/net/core/somaxconn", "server") as output:
            assert output.process.wait(PATIENCE_S) == 0

        with pytest.raises(HandError) as caught:
            stack.close()
    assert (caught.value.kind, caught.value.knob) == ("interference", "net.core.somaxconn")


def test_a_refused_knob_leaves_a_target_that_works(target: NetnsTarget) -> None:
    """A value that the hand refuses raises, and the next config is applied as if nothing had been."""
    with pytest.raises(HandError), target.applied({"net.core.somaxconn": -5}):
        pass

    with target.applied(CONFIG) as place:
        assert place.hosts == ("client", "server")


def test_programs_see_only_themselves(target: NetnsTarget) -> None:
    """A program is in an empty directory and a process namespace of its own."""
    with target.applied({}) as place, running(place, "ls -A; echo /proc/[0-9]*", "client") as output:
        seen = set(output.read().split())

    assert {"/proc/1", "/proc/2"} <= seen <= {"/proc/1", "/proc/2", "/proc/3"}


def test_a_broken_sandbox_says_so(journal: Path, catalog: Catalog) -> None:
    """When the keeper is gone, the next request is an error with a reason, not a hang."""
    with open_target({"emulator": "forwarder"}, journal_dir=journal, catalog=catalog) as target:
        os.kill(target._keeper.pid, signal.SIGKILL)
        with pytest.raises(TargetError, match="sandbox is broken"), target.applied(CONFIG):
            pass
