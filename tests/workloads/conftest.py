from contextlib import ExitStack, contextmanager

import pytest

from kerntune.catalog import load
from kerntune.errors import TargetError
from kerntune.targets.netns import open_target


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
