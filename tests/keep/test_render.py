"""Files for the next boot: whole vectors, escapes that the real systemd-tmpfiles takes, honest comments."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.keep import Kept, Occasion, render
from kerntune.keep.render import SYSCTL_D, TMPFILES_D, one_line, sysctl_key, tmpfiles_line
from kerntune.owners import sysctl, tmpfiles

WHEN = Occasion("run-a", "Better: +30 %\nrm -rf /\x1b[31m", 1.8e9, "6.18.1", "boot-1")
WMEM = {
    f"net.ipv4.tcp_wmem:{member}": value
    for member, value in (("min", 4096), ("default", 16384), ("max", 1 << 22))
}
RUN = Kept(WHEN, {"net.ipv4.tcp_wmem:max": 1 << 26, "vm.swappiness": 10}, {**WMEM, "vm.swappiness": 60})


def text(files, path):
    return next((file.text for file in files if file.path == path), None)


def test_a_vector_is_written_whole_and_read_back_as_systemd_reads_it(known):
    """With the members that were not tuned as they were."""
    settings, problems = sysctl.parse(text(render([RUN], known), SYSCTL_D), SYSCTL_D)

    assert problems == []
    assert {setting.path: setting.value for setting in settings} == {
        "/proc/sys/net/ipv4/tcp_wmem": f"4096 16384 {1 << 26}",
        "/proc/sys/vm/swappiness": "10",
    }


def test_the_comment_names_run_verdict_and_way_back_on_lines_of_its_own(known):
    """A verdict is text from elsewhere: it stays one line, without control characters."""
    lines = text(render([RUN], known), SYSCTL_D).splitlines()

    assert "# run run-a, kept 2027-01-15 08:00 UTC under Linux 6.18.1" in lines
    assert "# Better: +30 % rm -rf / [31m" in lines
    assert "# to take it back: kerntune undo run-a" in lines
    assert not any("\x1b" in line for line in lines)


def test_nothing_kept_is_no_file(known):
    """An empty drop-in would only puzzle its reader."""
    assert render([], known) == ()
    assert [file.path for file in render([RUN], known)] == [SYSCTL_D]


def test_a_later_run_owns_the_vector_that_it_shares_with_an_earlier_one(known):
    """One line a file: the last line would win anyway."""
    later = replace(RUN, occasion=replace(WHEN, run_id="run-b"), config={"net.ipv4.tcp_wmem:default": 65536})
    found = text(render([RUN, later], known), SYSCTL_D)

    assert found.count("tcp_wmem =") == 1
    assert f"net.ipv4.tcp_wmem = 4096 65536 {1 << 26}" in found.partition("# run run-b")[2]


def test_a_device_with_a_dot_in_its_name_is_named_with_slashes(known):
    """VLANs: eth0.100."""
    knob = known.find("net.ipv4.neigh.eth0.100.gc_stale_time")

    assert sysctl_key(knob) == "net/ipv4/neigh/eth0.100/gc_stale_time"
    assert sysctl.kernel_file(sysctl_key(knob)) == knob.path


def test_a_file_for_a_disk_says_what_it_cannot_do(known):
    """A disk that appears later is not reached by systemd-tmpfiles."""
    run = Kept(WHEN, {"block.vda.queue.scheduler": "none"}, {"block.vda.queue.scheduler": "mq-deadline"})
    found = text(render([run], known), TMPFILES_D)

    assert "udev rule" in found
    assert found.endswith("w /sys/block/vda/queue/scheduler - - - - none\n")


NAMES = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1).filter(
    lambda text: "/" not in text and text not in (".", "..")
)


@settings(deadline=None)
@given(NAMES, NAMES)
def test_what_is_escaped_is_read_back(name: str, word: str):
    """Whatever a device calls itself, or a module's parameter holds."""
    settings = tmpfiles.parse(tmpfiles_line(f"/sys/{name}", word), "x")

    assert [(setting.sets(f"/sys/{name}"), setting.value) for setting in settings] == [(True, word)]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("plain", "always"),
        ("a b", "50%"),
        ('q"x', "a\\b"),
        ("p%h", "%h"),
        (r"b\\c", r"\t\x41"),
        ("d'e f", "'x'"),
        ("[g]*{h,i}?", "j"),
    ],
)
def test_systemd_itself_writes_what_was_meant(tmp_path: Path, name: str, word: str):
    """The real systemd-tmpfiles on a fake root."""
    file = tmp_path / "sys" / name
    file.parent.mkdir()
    file.write_text("")
    conf = tmp_path / "etc/tmpfiles.d/kerntune.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(tmpfiles_line(f"/sys/{name}", word) + "\n")

    done = subprocess.run(
        ["systemd-tmpfiles", f"--root={tmp_path}", "--create"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_text() == word


@settings(deadline=None)
@given(st.text())
def test_a_comment_is_one_printable_line(text: str):
    """No text can leave its comment."""
    line = one_line(text)

    assert line.isprintable()
    assert len(line.splitlines()) <= 1
