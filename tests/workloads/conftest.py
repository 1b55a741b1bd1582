import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kerntune.catalog import load
from kerntune.errors import TargetError
from kerntune.targets.netns import open_target
from kerntune.testing.local import LocalPlace


@pytest.fixture
def opened(tmp_path):
    """Opens pairs of real hosts joined by a link of the options given, or skips and says why not."""

    @contextmanager
    def open_with(**options):
        with ExitStack() as stack:
            try:
                target = stack.enter_context(open_target(options, journal_dir=tmp_path, catalog=load()))
            except TargetError as error:
                if "cannot make" not in str(error):
                    raise
                pytest.skip(f"{error} ({error.hint})")
            yield target

    return open_with


class Ordinary(LocalPlace):
    """This machine, where programs run as nobody though we are root: as kerntune runs them on a host."""

    def start(self, argv, host, stdout, stderr, *, privileged=False):
        become = (
            () if privileged else ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")
        )
        return super().start([*become, *argv], host, stdout, stderr)


@pytest.fixture
def ordinary():
    """This machine with a directory of its own, where programs run as an ordinary account."""
    home = Path(tempfile.mkdtemp(prefix="kt-"))  # a socket's path must be short, and all may come through
    try:
        if os.geteuid() == 0:
            shutil.chown(home, "nobody", "nogroup")
            yield Ordinary(scratch=home)
        else:
            yield LocalPlace(scratch=home)
        assert list(home.iterdir()) in ([], [home / "pgbench"])
    finally:
        shutil.rmtree(home)
