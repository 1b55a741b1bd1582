"""Files of /proc/sys, on plain files of the same names."""

from dataclasses import replace

import pytest

from kerntune.hand.kinds.sysctl import Sysctl


@pytest.fixture
def ttl(catalog):
    return catalog.knobs["net.ipv4.ip_default_ttl"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net/ipv4/ip_default_ttl"
    path.parent.mkdir(parents=True)
    path.write_text("64\n")
    return path


def test_words_are_read_and_written(tmp_path, file, ttl):
    """A whole line at the beginning of the file; tabs and spaces part words."""
    kind = Sysctl(tmp_path)
    file.write_text("1\t2  3\n")
    assert kind.read(ttl) == ("1", "2", "3")

    kind.write(ttl, ("4", "5", "6"))

    assert file.read_text() == "4 5 6\n\n"[: len("1\t2  3\n")]


def test_a_file_is_never_made(tmp_path, ttl):
    """A knob this kernel lacks must not appear as a file of ours."""
    folder = tmp_path / "net/ipv4"
    folder.mkdir(parents=True)

    with pytest.raises(FileNotFoundError):
        Sysctl(tmp_path).write(ttl, ("64",))

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/../../etc/passwd",
        "/proc/sys/net/../../x",
        "/proc/sys/net/ipv4/neigh/{device}/x",
        "/etc/passwd",
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path, ttl, path):
    """Even a wrong catalogue does not lead out of /proc/sys."""
    with pytest.raises((OSError, ValueError)):
        Sysctl(tmp_path).write(replace(ttl, path=path), ("64",))


def test_probing_for_write_writes_nothing(tmp_path, file, ttl):
    """The file is opened and closed."""
    Sysctl(tmp_path).check_writable(ttl)

    assert file.read_text() == "64\n"
    with pytest.raises(FileNotFoundError):
        Sysctl(tmp_path / "elsewhere").check_writable(ttl)
