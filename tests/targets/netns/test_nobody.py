"""The target works for an ordinary user, with a Python that everybody may run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import kerntune
from kerntune.targets.netns.target import NetnsTarget

NOBODY = 65534

SCRIPT = """
import os, sys
from pathlib import Path
from kerntune.catalog import load
from kerntune.targets.netns import open_target

options = {"emulator": "forwarder", "rtt_ms": 1}
with open_target(options, journal_dir=Path(sys.argv[1]), catalog=load()) as target:
    with target.applied({"net.ipv4.tcp_wmem:max": 8 << 20}) as place:
        for host in place.hosts:
            process = place.start(["/bin/cat", "/proc/sys/net/ipv4/tcp_wmem"], host, 1, 2)
            assert process.wait(10) == 0
print("user", os.getuid())
"""


@pytest.fixture
def packages() -> Iterator[Path]:
    """A directory that everybody may read, with what the target needs to run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for package in (kerntune.__name__, "pyroute2"):
            spec = find_spec(package)
            assert spec is not None
            assert spec.origin is not None
            shutil.copytree(
                Path(spec.origin).parent, folder / package, ignore=shutil.ignore_patterns("__pycache__")
            )
        (folder / "journal").mkdir()
        os.chown(folder / "journal", NOBODY, NOBODY)
        yield folder


def system_python() -> str:
    """Returns a Python that nobody may run and that is new enough, or skips and says why."""
    found = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("there is no python3 that every user may run")
    asked = subprocess.run(
        [found, "-c", "import sys; print(sys.version_info >= (3, 11))"],
        check=True,
        capture_output=True,
        text=True,
    )
    if asked.stdout.strip() != "True":
        pytest.skip(f"{found} is older than Python 3.11")
    return found


@pytest.mark.root
@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the other tests run as this one"
)
def test_nobody_gets_a_sandbox(target: NetnsTarget, packages: Path) -> None:
    """As user 65534, without any rights: both hosts have the config."""
    done = subprocess.run(
        [system_python(), "-c", SCRIPT, str(packages / "journal")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
    )

    if "make a user namespace" in done.stderr:
        pytest.skip(f"ordinary users get no user namespaces here: {done.stderr.splitlines()[-1]}")
    assert done.stderr == ""
    values = [line.split()[-1] for line in done.stdout.splitlines()]
    assert values == [str(8 << 20), str(8 << 20), str(NOBODY)]
