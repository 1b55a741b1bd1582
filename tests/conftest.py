"""What holds for all tests, and a machine with systemd for those that need one."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy is no fault of the code: timings live in benchmarks. Examples are new in every run,
# but in CI, where each run is to say something of the change alone.
settings.register_profile(
    "kerntune",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("kerntune")

SYSTEMD = "/lib/systemd/systemd"
PATIENCE_S = 60.0

BOOT = r"""
set -e
box=$1; shift
mount -t tmpfs box "$box"
mkdir "$box/upper" "$box/work" "$box/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$box/upper,workdir=$box/work" "$box/root"
cd "$box/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs run run
mount -t tmpfs tmp tmp
for shared in "$@"; do mkdir -p ".$shared"; mount --rbind "$shared" ".$shared"; done
printf '[Unit]\nDescription=nothing\nDefaultDependencies=no\n' >etc/systemd/system/box.target
mkdir -p old
pivot_root . old
umount -l /old
exec env -i container=box PATH="$PATH" /lib/systemd/systemd --system --unit=box.target --log-target=console
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A real systemd in namespaces of its own: files written there are nobody else's, the kernel is ours."""

    pid: int
    log: Path

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Runs a program in it."""
        enter = ["nsenter", "-t", str(self.pid), "--mount", "--pid", "--cgroup", "--root", "--wd=/", "--"]
        return subprocess.run(
            [*enter, *argv], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def ask(self, *argv: str) -> str:
        """Returns what a program prints that must end well."""
        done = self.call(*argv)
        assert done.returncode == 0, (argv, done.stdout, done.stderr, self.log.read_text()[-2000:])
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Writes a file of its own, below its /etc/systemd/system."""
        self.ask(
            "/bin/sh",
            "-c",
            'mkdir -p "${1%/*}"; printf %s "$2" >"$1"',
            "sh",
            f"/etc/systemd/system/{path}",
            text,
        )

    def is_up(self) -> bool:
        """Tells whether it has started."""
        return self.call("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that has started; a machine that cannot have one says why."""
    if os.geteuid() != 0:
        pytest.skip("systemd is started in namespaces by root alone")
    missing = [name for name in (SYSTEMD, "unshare", "nsenter", "pivot_root") if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    home = tmp_path_factory.mktemp("box")
    shared = {str(Path(__file__).parents[1]), sys.prefix, str(tmp_path_factory.getbasetemp())}
    apart = ["--mount", "--propagation", "private", "--pid", "--fork", "--uts", "--ipc", "--cgroup"]
    log = home.with_suffix(".log")
    with log.open("w") as file:
        outer = subprocess.Popen(
            ["unshare", *apart, "--kill-child", "/bin/sh", "-c", BOOT, "sh", str(home), *sorted(shared)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield _started(outer, log)
    finally:
        outer.kill()
        outer.wait()


def _started(outer: subprocess.Popen[bytes], log: Path) -> Box:
    ends = time.monotonic() + PATIENCE_S
    while outer.poll() is None and time.monotonic() < ends:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = stat.read_text().rpartition(")")[2].split()[1]
                words = (stat.parent / "cmdline").read_text()
            except OSError:
                continue
            box = Box(int(stat.parent.name), log)
            if parent == str(outer.pid) and words.startswith(SYSTEMD) and box.is_up():
                return box
        time.sleep(0.05)
    outer.send_signal(signal.SIGKILL)
    pytest.skip(f"systemd does not start here: {log.read_text()[-500:]}")
