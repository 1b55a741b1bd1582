"""What stands in the way of a sandbox, and how to get it."""

import os

import pytest

from kerntune.targets.netns.diagnosis import diagnose, diagnosis

NOBODY = 65534


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("user/max_user_namespaces", "0\n", "user.max_user_namespaces"),
        ("kernel/unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1\n",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_each_switch_is_named_with_its_remedy(name: str, text: str, remedy: str) -> None:
    """The sysctl that stands in the way is the one that is named."""
    found = diagnosis(NOBODY, {name: text}.get)

    assert len(found.missing) == 1
    assert remedy in found.remedy


def test_nothing_is_missing_where_no_switch_is_off() -> None:
    """Switches that a kernel does not have are not missing."""
    assert diagnosis(NOBODY, {"user/max_user_namespaces": "96365\n"}.get).missing == ()


def test_root_needs_no_switch() -> None:
    """Root makes namespaces without user namespaces."""
    found = diagnosis(0, {"user/max_user_namespaces": "0\n"}.get)

    assert found.missing == ()
    assert found.remedy == ""


def test_this_machine_is_diagnosed() -> None:
    """The facts of the machine the test runs on are read."""
    assert diagnose().is_root == (os.geteuid() == 0)
