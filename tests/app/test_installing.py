"""What `kerntune setup` writes, below a root of our own."""

import os
import subprocess
from pathlib import Path

import pytest

from kerntune.app import Settings, installed, removed
from kerntune.errors import InputError, TargetError

HERE = Settings(Path("/root/.local/state/kerntune"))


def test_the_hand_is_one_file_that_runs(tmp_path: Path):
    """It needs nothing of kerntune's, and says what it wants."""
    said = list(installed(HERE, root=tmp_path))

    hand = tmp_path / "usr/local/libexec/kerntune-hand"
    helped = subprocess.run([hand, "--help"], capture_output=True, text=True, check=False, cwd="/")
    assert helped.returncode == 0
    assert "--journal" in helped.stdout
    assert str(hand) in said[0]
    assert "systemd does not run here" in said[-1]


def test_units_are_written_where_systemd_runs(tmp_path: Path):
    """And the user is told what to run next."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)

    said = list(installed(HERE, "nginx.service", root=tmp_path))

    assert (tmp_path / "etc/systemd/system/kerntune-recover.service").exists()
    assert (tmp_path / "etc/systemd/system/nginx.service.d/kerntune.conf").exists()
    assert any("systemctl daemon-reload" in line for line in said)


def test_what_was_installed_can_be_removed(tmp_path: Path):
    """All of it, and nothing that kerntune did not write; twice does no harm."""
    folder = tmp_path / "etc/systemd/system"
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    list(installed(HERE, "night.service", root=tmp_path))
    (folder / "sysinit.target.wants").mkdir()
    (folder / "sysinit.target.wants/kerntune-recover.service").symlink_to(folder / "kerntune-recover.service")
    other = folder / "other.service.d/kerntune.conf"
    other.parent.mkdir()
    other.write_text("[Service]\nNice=5\n")

    said = list(removed(root=tmp_path))

    assert len([line for line in said if line.startswith("removed ")]) == 4
    assert "daemon-reload" in said[-1]
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()] == [other]
    assert list(removed(root=tmp_path)) == ["nothing of kerntune's is installed"]


@pytest.mark.parametrize("unit", ["ng inx", "x.scope", "../x.service"])
def test_a_wrong_unit_installs_nothing(tmp_path: Path, unit: str):
    """The name is looked at first."""
    with pytest.raises(InputError):
        list(installed(HERE, unit, root=tmp_path))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write_is_told():
    """The hint says how."""
    with pytest.raises(TargetError, match="cannot write") as caught:
        list(installed(HERE))

    assert "sudo kerntune setup" in caught.value.hint
