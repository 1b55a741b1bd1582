"""Options, accounts and devices of the host target."""

import os
import pwd
from pathlib import Path

import pytest

from kerntune.errors import PlanError, TargetError
from kerntune.targets.host import account, devices
from kerntune.targets.host.options import Options, parse


def test_every_wrong_option_is_named():
    """All faults at once."""
    with pytest.raises(PlanError) as caught:
        parse({"directory": "relative", "reserve_mib": True, "account": 5, "rate_mbit": 3})

    for name in ("directory", "reserve_mib", "account", "rate_mbit"):
        assert name in str(caught.value)


def test_options_have_defaults(tmp_path: Path):
    """Nothing needs to be said."""
    assert parse({}) == Options()
    assert parse({"directory": str(tmp_path), "reserve_mib": 5}).directory == tmp_path


def test_an_ordinary_account_is_never_root():
    """Where we are root it is nobody, else ourselves; root cannot be asked for."""
    assert account.ordinary("").uid != 0
    with pytest.raises(TargetError, match="root"):
        account.ordinary("root")


def test_an_account_that_does_not_exist_is_refused():
    """The hint names the option."""
    with pytest.raises(TargetError, match="no user 'no-such-user'") as caught:
        account.ordinary("no-such-user")

    assert "account" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_can_choose_another_account():
    """By its name."""
    daemon = pwd.getpwnam("daemon")

    assert account.ordinary("daemon") == account.Account(daemon.pw_uid, daemon.pw_gid, "daemon")


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0102000A\t0003\t0\t0\t200\t00000000\t0\t0\t0
wlan0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\tFFFFFF00\t0\t0\t0
"""


def test_the_default_route_with_the_least_metric_leads_out(tmp_path: Path):
    """As the kernel chooses it."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES)

    assert devices.network_devices(tmp_path) == ("wlan0",)


def test_a_machine_without_routes_has_no_device(tmp_path: Path):
    """Neither an empty table nor a missing one is an error."""
    assert devices.network_devices(tmp_path) == ()


def test_a_partition_leads_to_its_disk(tmp_path: Path):
    """Knobs of a queue belong to the whole disk."""
    number = tmp_path.stat().st_dev
    disk = tmp_path / "sys/devices/pci/nvme0n1"
    (disk / "nvme0n1p2").mkdir(parents=True)
    (disk / "nvme0n1p2/partition").write_text("2")
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/block").mkdir()
    (tmp_path / "sys/block/nvme0n1").symlink_to(disk)
    link = tmp_path / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    link.symlink_to(disk / "nvme0n1p2")

    assert devices.disks(tmp_path, tmp_path) == ("nvme0n1",)


def test_a_directory_in_memory_lies_on_no_disk():
    """There is nothing to turn then."""
    assert devices.disks(Path("/dev/shm")) == ()  # noqa: S108 - nothing is written there
