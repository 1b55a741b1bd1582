"""Where user namespaces are refused: root goes on without, others are told what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from kerntune.targets.netns.target import NetnsTarget

SCRIPT = """
import os, sys
from pathlib import Path
from kerntune.catalog import load
from kerntune.errors import TargetError
from kerntune.targets import syscalls
from kerntune.targets.netns import open_target

uid, gid = os.getuid(), os.getgid()
syscalls.unshare(syscalls.NEW_USER, "a user namespace")
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"{sys.argv[2]} {uid} 1")
Path("/proc/self/gid_map").write_text(f"{sys.argv[2]} {gid} 1")
Path("/proc/sys/user/max_user_namespaces").write_text("0")
options = {"emulator": "forwarder", "rtt_ms": 1}
try:
    with open_target(options, journal_dir=Path(sys.argv[1]), catalog=load()) as target:
        with target.applied({"net.core.somaxconn": 8192}) as place:
            process = place.start(["/bin/cat", "/proc/sys/net/core/somaxconn"], "server", 1, 2)
            assert process.wait(10) == 0
except TargetError as error:
    print(error, "|", error.hint)
"""


def where_refused(journal: str, uid: int) -> str:
    """Returns what is printed where no further user namespace is granted and we are user `uid`."""
    argv = [sys.executable, "-c", SCRIPT, journal, str(uid)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.root
def test_root_needs_no_user_namespace(target: NetnsTarget, tmp_path: Path) -> None:
    """Root of a machine, or of a container with the right to make namespaces, goes on without."""
    assert where_refused(str(tmp_path), 0) == "8192"


@pytest.mark.root
def test_others_are_told_what_is_missing(target: NetnsTarget, tmp_path: Path) -> None:
    """The error says what could not be made, and the hint names the switch."""
    said = where_refused(str(tmp_path), 1000)

    assert said.startswith("cannot make a user namespace: No space left on device")
    assert "user.max_user_namespaces" in said.partition("|")[2]
