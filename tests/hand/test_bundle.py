"""The hand as one file."""

import os
import pwd
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest

from kerntune.catalog import load
from kerntune.errors import HandError
from kerntune.hand.bundle import PYTHON, bundle
from kerntune.hand.client import Hand
from kerntune.hand.processes import forked
from kerntune.model.knob import Absence

TTL = "net.ipv4.ip_default_ttl"
pytestmark = pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"there is no {PYTHON}")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "kerntune-hand"
    bundle(path)
    return path


def test_it_speaks_and_knows_the_whole_catalogue(program, tmp_path):
    """Read from inside the file, by the system's Python, with nothing installed."""
    names = [name for name in load().knobs if "{" not in name]

    with Hand.spawn(tmp_path / "journal", program=program) as hand:
        found = hand.read(names)

    absent = [value for value in found.values() if isinstance(value, Absence)]
    unknown = [value for value in absent if "catalogue" in value.detail]
    assert len(found) == len(names)
    assert not unknown


def test_it_is_one_file_that_only_its_owner_can_change(program):
    """Nothing beside it, and nothing else of kerntune in it than it needs."""
    assert program.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in program.parent.iterdir()] == [program.name]
    names = zipfile.ZipFile(program).namelist()
    assert "kerntune/hand/program.py" in names
    assert not [name for name in names if "study" in name or "targets" in name or "pycache" in name]


def test_the_same_parts_make_the_same_file(program, tmp_path):
    """So an installed one can be compared with ours."""
    bundle(tmp_path / "again")

    assert (tmp_path / "again").read_bytes() == program.read_bytes()


def test_the_users_environment_puts_nothing_into_it(program, tmp_path):
    """A module of the user's named like one of Python's is not looked at."""
    (tmp_path / "json.py").write_text("raise SystemExit('mine')")
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "json.py")}

    found = subprocess.run(
        [program, "--journal", tmp_path / "journal"],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip

    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    """The old file stays until the new one is whole."""
    (tmp_path / "hand").mkdir()

    with pytest.raises(OSError, match="directory"):
        bundle(tmp_path / "hand")

    assert [path.name for path in tmp_path.iterdir()] == ["hand"]


@pytest.fixture
def allowed():
    """A hand of root's that sudo lets nobody start without a password; both are gone afterwards."""
    if os.geteuid() != 0 or shutil.which("sudo") is None:
        pytest.skip("needs root and sudo")
    folder = Path(tempfile.mkdtemp(prefix="kerntune-sudo-", dir="/var/tmp"))
    folder.chmod(0o755)
    bundle(folder / "kerntune-hand")
    rule = Path(f"/etc/sudoers.d/kerntune-test-{os.getpid()}")
    command = f"{folder / 'kerntune-hand'} --journal {folder / 'journal'}"
    rule.write_text(f"nobody ALL=(root) NOPASSWD: {command}\n")
    rule.chmod(0o440)
    yield folder
    rule.unlink()
    shutil.rmtree(folder)


def as_nobody(act):
    """Runs a function in a child of user nobody; returns its exit status."""

    def child():
        account = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.chdir("/")
        return act()

    return os.waitstatus_to_exitcode(os.waitpid(forked(child), 0)[1])


@pytest.mark.root
def test_sudo_lets_an_ordinary_user_start_the_hand_alone(allowed):
    """The tuner is nobody; its hand is root and turns a knob of the machine, and turns it back."""
    swappiness = Path("/proc/sys/vm/swappiness")
    before = swappiness.read_text()
    other = str((int(before) + 7) % 100)
    prefix, program = ("sudo", "-n"), allowed / "kerntune-hand"

    def tune():
        with Hand.spawn(allowed / "journal", prefix=prefix, program=program) as hand:
            with hand.applied({"vm.swappiness": int(other)}):
                turned = swappiness.read_text().strip() == other
            return 0 if turned and swappiness.read_text() == before and os.geteuid() != 0 else 7

    def elsewhere():
        try:
            Hand.spawn(allowed / "another", prefix=prefix, program=program)
        except HandError:
            return 0
        return 7

    assert as_nobody(tune) == 0
    assert swappiness.read_text() == before
    assert as_nobody(elsewhere) == 0
    assert not list((allowed / "journal").iterdir())
