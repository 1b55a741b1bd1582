"""The hand through sudo that asks for a password, on a terminal of the user's."""

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerntune.hand.bundle import PYTHON, bundle

PATIENCE_S = 60.0
USER, PASSWORD, UID = "kerntune-test", "a secret", "54321"

APART = r"""
set -e
mkdir "$1/over"
mount -t tmpfs over "$1/over"
mkdir "$1/over/upper" "$1/over/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/over/upper,workdir=$1/over/work" /etc
useradd --no-create-home --uid "$2" --shell /bin/sh "$3"
echo "$3:$4" | chpasswd
echo "$3 ALL=(root) $5" >/etc/sudoers.d/kerntune-test
chmod 440 /etc/sudoers.d/kerntune-test
shift 5
exec "$@"
"""
"""Runs a program where one more user may use sudo for the hand alone, with a password; nowhere else."""

CLIENT = """
import os, sys
from pathlib import Path
from kerntune.errors import KerntuneError
from kerntune.targets.host.rights import hand_for
os.setgroups([]); os.setgid(54321); os.setuid(54321)
try:
    with hand_for(Path(sys.argv[1]), "a study", installed=Path(sys.argv[2])) as hand:
        print("the hand is", os.stat(f"/proc/{hand.hello()['pid']}").st_uid, flush=True)
except KerntuneError as error:
    print("refused:", error, error.hint, flush=True)
print("over", flush=True)
"""


def conversation(argv: list[str], answer: bytes) -> str:
    """What a program shows on a terminal on which a password is typed when it is asked for."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)  # noqa: S606 - an argv list
    shown, answered, ends = b"", False, time.monotonic() + PATIENCE_S
    while b"over" not in shown and time.monotonic() < ends:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
        if b"password" in shown and not answered:
            os.write(terminal, answer)
            answered = True
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="makes a user, where only this test sees it")
def test_a_password_that_was_given_counts_for_the_hand(tmp_path: Path):
    """For the terminal it was typed on: so the hand must be started from there, in no session of its own."""
    missing = [name for name in ("sudo", "useradd", "chpasswd", "unshare", PYTHON) if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    hand = Path("/usr/local/libexec") / f"kerntune-hand-test-{os.getpid()}"
    hand.parent.mkdir(parents=True, exist_ok=True)
    bundle(hand)
    (tmp_path / "over").parent.chmod(0o755)
    client = [sys.executable, "-c", CLIENT, str(tmp_path / "journal"), str(hand)]
    apart = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", APART, "sh"]
    try:
        argv = [*apart, str(tmp_path), UID, USER, PASSWORD, str(hand), *client]
        shown = conversation(argv, PASSWORD.encode() + b"\n")
    finally:
        hand.unlink()

    assert "the hand is 0" in shown, shown
    assert subprocess.run(["id", USER], capture_output=True, check=False).returncode != 0
