"""Units that the real systemd accepts, and nothing where it does not run."""

import subprocess
from pathlib import Path

import pytest

from kerntune.errors import InputError
from kerntune.keep import drop_in, install, units

JOURNAL = Path("/var/lib/kerntune/journal")


def verified(root: Path, path: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "verify", root / path], check=False, capture_output=True, text=True
    )
    return done.stderr + f"status {done.returncode}"


@pytest.mark.parametrize("journal", [JOURNAL, Path('/var/lib/a b%h"$x')])
def test_systemd_accepts_the_units(tmp_path: Path, journal: Path):
    """Also with odd names of directories, which are to mean themselves."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    done = install(units(Path("/bin/true"), journal), tmp_path)

    assert done == ("systemctl daemon-reload", "systemctl enable kerntune-recover.service")
    assert verified(tmp_path, "etc/systemd/system/kerntune-recover.service") == "status 0"


def test_a_drop_in_belongs_to_its_unit(tmp_path: Path):
    """ExecStopPost runs however the service ends; its failure is not the service's."""
    file = drop_in("nginx.service", Path("/opt/kern tune/hand"), JOURNAL)

    assert file.path == "/etc/systemd/system/nginx.service.d/kerntune.conf"
    assert (
        'ExecStopPost=-+"/opt/kern tune/hand" --journal "/var/lib/kerntune/journal" --recover\n' in file.text
    )
    service = tmp_path / "x.service"
    service.write_text(
        "[Service]\nExecStart=/bin/true\n" + file.text.replace("/opt/kern tune/hand", "/bin/true")
    )
    assert verified(tmp_path, "x.service") == "status 0"


def test_without_systemd_nothing_is_installed(tmp_path: Path):
    """The next start of kerntune recovers there."""
    assert install(units(Path("/bin/true"), JOURNAL), tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x.service", "x", "x.scope", "a b.service", "", "x.service\n[Service]"])
def test_a_unit_has_the_name_of_a_unit(name: str):
    """It becomes a path."""
    with pytest.raises(InputError):
        drop_in(name, Path("/bin/true"), JOURNAL)


@pytest.mark.parametrize("path", [Path("kerntune"), Path("/bin/x\nExecStart=/bin/sh")])
def test_a_command_is_an_absolute_path_on_one_line(path: Path):
    """Units are lines."""
    with pytest.raises(InputError):
        units(path, JOURNAL)
