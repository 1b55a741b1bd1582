"""apply, verify and undo on a real kernel, as root, in namespaces of their own: no file is the machine's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOMAXCONN, BACKLOG = "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog"
KNOB, FILE = "/proc/sys/net/core/somaxconn", "/etc/sysctl.d/90-kerntune.conf"
SETUP = 'for d in "$@"; do mkdir -p "$d"; mount -t tmpfs none "$d"; done; echo ready; exec sleep 600'
TRIAL = """
import os, signal, sys
from pathlib import Path
from kerntune.hand.client import Hand
hand = Hand.spawn(Path(sys.argv[1]) / "journal", sole="study-x")
hand.apply({"net.core.somaxconn": 30000}, 60)
print("applied", flush=True)
sys.stdin.readline()
state = hand.hello()
if sys.argv[2] == "kill":
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (state["guardian"], state["pid"]):
            os.kill(pid, number)
else:
    hand.close()
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="kerntune apply is root's"),
    pytest.mark.skipif(not shutil.which("nsenter"), reason="needs unshare and nsenter"),
]


@dataclass(frozen=True, slots=True)
class Room:
    """A private network and mount namespace: a somaxconn and an /etc/sysctl.d of its own."""

    pid: int
    home: Path

    def argv(self, *argv: str) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "--net", "--mount", "--wd=/", "--", *argv]

    @property
    def environment(self) -> dict[str, str]:
        own = {"XDG_STATE_HOME": f"{self.home}/state", "KERNTUNE_MACHINE_DIR": f"{self.home}/machine"}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), **own}

    def sh(self, script: str) -> str:
        done = subprocess.run(self.argv("sh", "-c", script), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def kerntune(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(sys.executable, "-m", "kerntune", *arguments),
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def as_nobody(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command as an ordinary user."""
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return subprocess.run(
            self.argv(*user, sys.executable, "-m", "kerntune", *arguments),
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def apply(
        self, run_id: str, config: dict[str, object], *options: str, **more: object
    ) -> subprocess.CompletedProcess[str]:
        result = {"run_id": run_id, "minimal_config": config, "verdict": {"outcome": "better"}, **more}
        return self.kerntune("apply", "-", "--yes", *options, given=json.dumps(result))

    @property
    def present(self) -> int:
        return int(self.sh(f"cat {KNOB}"))

    def trial(self, end: str) -> "subprocess.Popen[str]":
        """Starts a hand that tries somaxconn = 30000 until it is told to end."""
        hand = subprocess.Popen(
            self.argv(sys.executable, "-c", TRIAL, f"{self.home}/machine", end),
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert hand.stdout is not None
        assert hand.stdout.readline() == "applied\n"
        return hand


@pytest.fixture
def room() -> Iterator[Room]:
    """Gives namespaces and a folder of their own, which end with the test; everybody may look into it."""
    home = Path(tempfile.mkdtemp(prefix="kerntune-"))
    home.chmod(0o755)
    folders = ("/etc/sysctl.d", "/etc/tmpfiles.d")
    outer = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-ec", SETUP, "sh", *folders], stdout=subprocess.PIPE, text=True
    )
    try:
        assert outer.stdout is not None
        if outer.stdout.readline() != "ready\n":
            pytest.skip("this machine gives root no namespaces")
        yield Room(outer.pid, home)
    finally:
        outer.kill()
        outer.communicate()
        shutil.rmtree(home)


def ended(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=60)


def test_a_result_is_kept_compared_and_taken_back(room: Room):
    """The kernel, the file and the record; each exit status."""
    applied = room.apply("run-a", {SOMAXCONN: 8192})
    assert (applied.returncode, room.present) == (0, 8192), applied.stderr
    assert f"{SOMAXCONN}: 4096 → 8192" in applied.stdout
    assert "net.core.somaxconn = 8192" in room.sh(f"cat {FILE}")
    assert room.kerntune("verify").returncode == 0

    room.sh(f"echo 5000 >{KNOB}")
    assert room.kerntune("verify").returncode == 1
    room.sh(f"echo 8192 >{KNOB}")
    undone = room.kerntune("undo", "run-a", "--yes")

    assert (undone.returncode, room.present) == (0, 4096), undone.stderr
    assert f"{SOMAXCONN}: 8192 → 4096" in undone.stdout.partition("run run-a is not kept")[0]
    assert room.sh(f"ls {FILE} 2>/dev/null || echo none") == "none"
    assert room.kerntune("verify").stdout == "nothing is kept on this machine\n"


def test_while_a_study_tries_values_nothing_is_kept(room: Room):
    """Else what it tries would be recorded as what was there before."""
    hand = room.trial("end")
    try:
        applied = room.apply("run-a", {SOMAXCONN: 8192})
    finally:
        ended(hand)

    assert applied.returncode == 3
    assert "study-x" in applied.stderr
    assert room.present == 4096


def test_what_a_crash_left_goes_back_before_anything_is_kept(room: Room):
    """The administrator's value is what comes back in the end."""
    ended(room.trial("kill"))
    assert room.present == 30000

    applied = room.apply("run-a", {SOMAXCONN: 8192})
    assert (applied.returncode, room.present) == (0, 8192), applied.stderr
    assert f"{SOMAXCONN}: 4096 → 8192" in applied.stdout
    room.kerntune("undo", "run-a", "--yes")

    assert room.present == 4096


def test_an_undo_that_the_kernel_refuses_is_told_and_can_be_done_again(room: Room):
    """/proc/sys is read-only in many containers."""
    room.apply("run-a", {SOMAXCONN: 8192})
    room.sh("mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys")

    refused = room.kerntune("undo", "run-a", "--yes")
    assert (refused.returncode, room.present) == (3, 8192)
    assert "stays on record" in refused.stdout
    room.sh("umount /proc/sys")
    again = room.kerntune("undo", "run-a", "--yes")

    assert (again.returncode, room.present) == (0, 4096), again.stdout


def test_an_undo_of_a_trial_that_the_kernel_refuses_ends_with_3(room: Room):
    """A journal that somebody must look at."""
    ended(room.trial("kill"))
    room.sh("mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys")

    refused = room.kerntune("undo")
    assert (refused.returncode, room.present) == (3, 30000), refused.stdout
    room.sh("umount /proc/sys")

    assert room.kerntune("undo").returncode == 0
    assert room.present == 4096


def test_a_result_that_dropped_a_knob_takes_it_back(room: Room):
    """The same run, resumed."""
    before = room.sh("cat /proc/sys/net/ipv4/tcp_max_syn_backlog")
    room.apply("run-a", {SOMAXCONN: 8192, BACKLOG: 16384})
    again = room.apply("run-a", {SOMAXCONN: 16384})

    assert again.returncode == 0, again.stderr
    assert room.sh("cat /proc/sys/net/ipv4/tcp_max_syn_backlog") == before
    assert f"{BACKLOG}: 16384 → {before} (not part of this run any more)" in again.stdout
    room.kerntune("undo", "run-a", "--yes")
    assert room.present == 4096


def test_lines_to_paste_go_back_to_what_was_there_before_the_run_was_kept(room: Room):
    """Its own value is no way back."""
    room.apply("run-a", {SOMAXCONN: 8192})

    printed = room.apply("run-a", {SOMAXCONN: 8192}, "--print").stdout

    assert "# sysctl -w net.core.somaxconn=4096" in printed.splitlines()


def test_a_file_with_lines_of_somebody_else_is_shown_before_the_question(room: Room):
    """And the option that replaces it is named; the copy comes back."""
    room.sh(f"echo vm.swappiness = 5 >{FILE}")

    refused = room.apply("run-a", {SOMAXCONN: 8192})
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    assert room.apply("run-a", {SOMAXCONN: 8192}, "--overwrite").returncode == 0
    assert "swappiness" not in room.sh(f"cat {FILE}")
    room.kerntune("undo", "run-a", "--yes")

    assert room.sh(f"cat {FILE}") == "vm.swappiness = 5"


def test_our_lines_in_a_file_that_was_changed_come_back_at_the_next_boot(room: Room):
    """So undo does not end well."""
    room.apply("run-a", {SOMAXCONN: 8192})
    room.sh(f"echo vm.swappiness = 5 >>{FILE}")

    undone = room.kerntune("undo", "run-a", "--yes")

    assert (undone.returncode, room.present) == (3, 4096)
    assert f"the next boot sets it again: {FILE}: net.core.somaxconn = 8192" in undone.stdout


@pytest.mark.parametrize("option", ["--yes", "--print"])
def test_every_wrong_value_is_named_at_once(room: Room, option: str):
    """Nothing is left out without a word."""
    done = room.apply("run-a", {"vm.swappiness": 1000000, "foo.bar": 3, SOMAXCONN: 8192}, option)

    assert done.returncode == 2
    assert "vm.swappiness" in done.stderr
    assert "foo.bar" in done.stderr
    assert room.present == 4096


def test_a_result_of_another_kernel_is_told(room: Room):
    """Its values were found elsewhere."""
    assert "found under Linux 5.4.0" in room.apply("run-a", {SOMAXCONN: 8192}, kernel="5.4.0").stdout


def test_a_lying_file_is_overridden_at_the_next_boot_not_now(room: Room):
    """The kernel has our value; verify says when it will not."""
    room.apply("run-a", {SOMAXCONN: 8192})
    room.sh("echo net.core.somaxconn = 1024 >/etc/sysctl.d/99-later.conf")

    verified = room.kerntune("verify")

    assert verified.returncode == 1
    assert "overridden net.core.somaxconn: kept 8192, at the next boot 1024" in verified.stdout
    rows = json.loads(room.kerntune("verify", "--json").stdout)
    assert {type(row["kept"]) for row in rows if row["kept"] is not None} == {int}


def test_an_ordinary_user_is_told_how_root_keeps_it(room: Room):
    """Not "run it as root": root has no such study."""
    result = {"run_id": "a", "minimal_config": {SOMAXCONN: 8192}, "verdict": {"outcome": "better"}}
    done = room.as_nobody("apply", "-", "--yes", given=json.dumps(result))

    assert done.returncode == 5, done.stderr
    assert "kerntune show RUN --json | sudo kerntune apply -" in done.stderr
    assert room.present == 4096


def test_root_without_the_study_is_told_how_to_get_it(room: Room):
    """It lies with the user who tuned."""
    done = room.kerntune("apply", "20261126-1144-abcd")

    assert done.returncode == 2
    assert "kerntune show 20261126-1144-abcd --json | sudo kerntune apply -" in done.stderr


def test_verify_needs_no_state_directory(room: Room):
    """It compares the machine, not a user's studies."""
    room.apply("run-a", {SOMAXCONN: 8192})
    (room.home / "state").mkdir(mode=0o700, exist_ok=True)

    verified = room.as_nobody("verify")

    assert (verified.returncode, verified.stderr) == (0, "")


def test_a_question_that_nobody_hears_changes_nothing(room: Room):
    """A pipe is no terminal."""
    result = {"run_id": "a", "minimal_config": {SOMAXCONN: 8192}, "verdict": {"outcome": "better"}}
    done = room.kerntune("apply", "-", given=json.dumps(result))

    assert done.returncode == 2
    assert room.present == 4096
