"""The host target keeps every target's promises, on this machine's own knobs."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kerntune.catalog import load
from kerntune.errors import TargetError
from kerntune.hand import recovery
from kerntune.interfaces import Target
from kerntune.model.knob import Config
from kerntune.targets.host import HostTarget, open_target
from kerntune.testing.target import CHECKS

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="the machine's own knobs are root's"),
]

CONFIG: Config = {"vm.vfs_cache_pressure": 137, "vm.stat_interval": 7}
"""Knobs that a test may turn for a moment without anybody noticing."""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[HostTarget]:
    options = {"directory": "/var/tmp"}  # noqa: S108 - a private directory is made there
    with open_target(options, journal_dir=tmp_path, catalog=load(), study="a test") as opened:
        yield opened


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_host_keeps_the_promises(check: Callable[[Target, Config], None], target: HostTarget):
    """Every check of the conformance suite."""
    check(target, CONFIG)


def test_a_second_study_is_refused_with_the_name_of_the_first(target: HostTarget, tmp_path: Path):
    """Two studies on one machine would measure each other."""
    with ExitStack() as stack:
        stack.enter_context(target.applied({}))
        second = stack.enter_context(open_target({}, journal_dir=tmp_path, catalog=load(), study="other"))
        with pytest.raises(TargetError, match="a test"):
            stack.enter_context(second.applied({}))


def test_looking_needs_no_hand(target: HostTarget, tmp_path: Path):
    """Reading starts nothing and leaves no journal."""
    assert target.read(CONFIG)["vm.stat_interval"] == int(Path("/proc/sys/vm/stat_interval").read_text())
    assert recovery.status(tmp_path) == ()


def test_nothing_is_left_after_the_target_is_closed(tmp_path: Path):
    """No journal, no directory, no process."""
    with ExitStack() as stack:
        target = stack.enter_context(open_target({}, journal_dir=tmp_path, catalog=load(), study="a test"))
        scratch = stack.enter_context(target.applied(CONFIG)).scratch("host")
        assert scratch.exists()

    assert not scratch.exists()
    assert recovery.status(tmp_path) == ()
