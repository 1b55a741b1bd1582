"""Starting points from tuned profiles and sysctl files: what can be tried is taken, all else is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune import catalog
from kerntune.errors import InputError
from kerntune.keep import hint_from

KNOWN = catalog.load()
SYSCTL = """\
# a comment
; another
vm.swappiness=10
-net.core.somaxconn = 1024
net.ipv4.tcp_rmem = 4096	131072   67108864
net.ipv4.tcp_wmem = 4096 16384
vm/vfs_cache_pressure = 50
kernel.sysrq = 1
kernel.sched_latency_ns = 1
my.own.knob = 1
vm.dirty_ratio = lots
vm.dirty_background_ratio
-net.ipv4.conf.lo.rp_filter
net.ipv4.neigh.*.gc_stale_time = 120
"""


def test_sysctl_files_are_read_as_systemd_reads_them(known, tmp_path):
    """Both separators, a leading minus, tabs, patterns; the rest has its reason, one line each."""
    path = tmp_path / "90-x.conf"
    path.write_text(SYSCTL)
    hint, notes = hint_from(path, known, {"device": ("eth0",)})

    assert hint.config == {
        "vm.swappiness": 10,
        "net.core.somaxconn": 1024,
        **{
            f"net.ipv4.tcp_rmem:{name}": n
            for name, n in (("min", 4096), ("default", 131072), ("max", 67108864))
        },
        "vm.vfs_cache_pressure": 50,
        "net.ipv4.neigh.{device}.gc_stale_time": 120,
    }
    assert str(path) in hint.reason
    reasons = {note.split(":")[0]: note for note in notes}
    assert reasons.keys() == {f"line {number}" for number in (6, 8, 9, 10, 11, 12, 13)}
    assert "2 values, 3 are needed" in reasons["line 6"]
    assert "is never written" in reasons["line 8"]
    assert "left the kernel in 5.13" in reasons["line 9"]
    assert "not in the catalogue" in reasons["line 10"]
    assert "is outside" in reasons["line 11"]


def test_a_tuned_profile_is_read_from_its_directory(known, tmp_path):
    """With what its plug-ins mean; devices by their names."""
    (tmp_path / "tuned.conf").write_text(
        "[main]\ninclude=throughput-performance\n[vm]\ntransparent_hugepages=never\n"
        "[disk]\nreadahead=4096\n[sysfs]\n/sys/block/vd*/queue/scheduler=none\n"
        "[sysctl]\nvm.swappiness=>10\n[scheduler]\nsched_min_granularity_ns=1\n"
    )
    hint, notes = hint_from(tmp_path, known, {"disk": ("vda", "sda")})

    assert hint.config == {
        "mm.transparent_hugepage.enabled": "never",
        "block.{disk}.queue.read_ahead_kb": 4096,
        "block.vda.queue.scheduler": "none",
    }
    assert any("includes throughput-performance" in note for note in notes)
    assert any("vm.swappiness is not taken" in note for note in notes)
    assert any("left the kernel in 5.13" in note for note in notes)


def test_values_that_exclude_each_other_are_not_both_taken(known, tmp_path):
    """A hint must be a config that can be tried."""
    path = tmp_path / "x.conf"
    path.write_text("vm.dirty_ratio = 20\nvm.dirty_bytes = 268435456\n")
    hint, notes = hint_from(path, known)

    assert hint.config == {"vm.dirty_ratio": 20}
    assert "exclude each other" in notes[0]


@pytest.mark.parametrize("text", ["", "# nothing\n", "kernel.sysrq = 1\n", "[main]\nsummary=x\n", "\0\xff"])
def test_a_file_without_anything_to_try_is_an_error_with_the_reasons(known, tmp_path, text):
    """Better than a study without the starting point its user gave."""
    path = tmp_path / "x.conf"
    path.write_text(text)

    with pytest.raises(InputError, match="no value that can be tried"):
        hint_from(path, known)


def test_a_file_that_cannot_be_read_is_an_error(known, tmp_path):
    """Missing, a directory without a profile, too large."""
    large = tmp_path / "large"
    large.write_text("#" * (1 << 21))
    for path in (tmp_path / "none", tmp_path, large):
        with pytest.raises(InputError):
            hint_from(path, known)


LINES = st.lists(
    st.sampled_from([*SYSCTL.splitlines(), "[sysctl]", "[disk]", "readahead=>1 s", "[", "=", "a=${b}"])
)


@settings(deadline=None)
@given(LINES, st.binary())
def test_no_file_upsets_the_reader(tmp_path_factory, lines, garbage):
    """It is what the user found on the net."""
    path = tmp_path_factory.getbasetemp() / "garbage.conf"
    path.write_bytes("\n".join(lines).encode() + b"\n" + garbage)
    try:
        hint, notes = hint_from(path, KNOWN, {"disk": ("vda",)})
    except InputError:
        return
    assert hint.config
    assert all(len(note.splitlines()) == 1 for note in notes)
