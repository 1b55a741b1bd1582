"""The target passes the suite that outsiders run, on the real kernel."""

from collections.abc import Callable

import pytest

from kerntune.interfaces import Target
from kerntune.model.knob import Config
from kerntune.targets.netns import NetnsTarget
from kerntune.testing.target import CHECKS

CONFIG = {"net.ipv4.tcp_wmem:max": 8 << 20, "net.core.somaxconn": 8192}


@pytest.mark.root
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_netns_conforms(check: Callable[[Target, Config], None], target: NetnsTarget) -> None:
    """Every check of the suite holds."""
    check(target, CONFIG)
