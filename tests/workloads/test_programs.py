import pytest

from kerntune.errors import RunFailed, WorkloadError
from kerntune.workloads.programs import PACKAGES, need


def a_machine(root, os_release="", programs=()):
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(os_release)
    for program in programs:
        path = root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    return root


@pytest.mark.parametrize(
    ("os_release", "hint"),
    [
        ("ID=debian\n", "apt install linux-perf"),
        ('ID=ubuntu\nID_LIKE="debian"\n', "apt install linux-tools-common linux-tools-generic"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "apt install linux-tools-common linux-tools-generic"),
        ("ID=fedora\n", "dnf install perf"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install perf"),
        ("ID=arch\n", "install the package linux-perf (Fedora: perf)"),
        ("", "install the package linux-perf (Fedora: perf)"),
    ],
)
def test_a_missing_program_is_named_with_its_package(tmp_path, os_release, hint):
    """Distributions cut packages differently."""
    with pytest.raises(RunFailed, match="the program perf is not installed") as caught:
        need("perf", root=a_machine(tmp_path, os_release))

    assert caught.value.hint == hint


def test_a_program_without_a_known_package_is_named_as_well(tmp_path):
    """The user's own, for example."""
    with pytest.raises(WorkloadError, match="no-such-program is not installed") as caught:
        need("no-such-program", root=tmp_path)

    assert "PATH" in caught.value.hint


def test_the_newest_postgresql_is_taken(tmp_path):
    """9 is before 15, although it is after it in the alphabet."""
    folders = [f"usr/lib/postgresql/{version}/bin/initdb" for version in ("9.6", "15", "14")]

    assert need("initdb", root=a_machine(tmp_path, programs=folders)) == str(tmp_path / folders[1])


def test_a_file_that_cannot_be_executed_is_no_program(tmp_path):
    """It would fail only when started."""
    root = a_machine(tmp_path, programs=["usr/bin/wrk"])
    (root / "usr/bin/wrk").chmod(0o644)

    with pytest.raises(RunFailed):
        need("wrk", root=root)


def test_a_program_on_the_path_is_found():
    """The path is whole: programs do not start where we do."""
    assert need("sh").startswith("/")


def test_every_package_is_a_name_for_both_families():
    """A table with a hole would print a hint with a hole."""
    assert all(debian and fedora for debian, fedora in PACKAGES.values())
