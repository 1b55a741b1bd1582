"""Who else sets a knob: files in systemd's order, udev rules, managers that run."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import load
from kerntune.model.knob import Choice, Knob, Range, Risk, Rollback, Scope
from kerntune.owners import managers, owners, sysctl, tmpfiles, tuned, udev
from kerntune.owners.setting import Setting


def knob(name: str, path: str) -> Knob:
    facts = {"meaning": "-", "source": "-", "subsystem": "-"}
    return Knob(name, "sysctl", path, Range(0, 9), Scope.GLOBAL, Risk.R1, Rollback.EXACT, **facts)


SWAPPINESS = knob("vm.swappiness", "/proc/sys/vm/swappiness")
THP = knob("mm.transparent_hugepage.enabled", "/sys/kernel/mm/transparent_hugepage/enabled")
SCHEDULER = knob("block.vda.queue.scheduler", "/sys/block/vda/queue/scheduler")


def put(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("vm.swappiness", "/proc/sys/vm/swappiness"),
        ("vm/swappiness", "/proc/sys/vm/swappiness"),
        ("net.ipv4.conf.enp3s0/200.forwarding", "/proc/sys/net/ipv4/conf/enp3s0.200/forwarding"),
        ("net/ipv4/conf/enp3s0.200/forwarding", "/proc/sys/net/ipv4/conf/enp3s0.200/forwarding"),
        ("/proc/sys/vm/swappiness", "/proc/sys/vm/swappiness"),
        ("vm/../../../etc/passwd", None),
        ("..", None),
        ("", None),
    ],
)
def test_a_settings_name_leads_to_its_file_as_systemd_reads_it(key: str, path: str | None):
    """Dots and slashes change places unless the first separator is a slash; nothing leads outside."""
    assert sysctl.kernel_file(key) == path


def test_the_last_file_by_name_sets_it_whatever_its_folder(tmp_path: Path):
    """/usr/lib/sysctl.d/90-x.conf comes after /etc/sysctl.d/10-x.conf."""
    put(tmp_path, "/etc/sysctl.d/10-early.conf", "vm.swappiness = 1\n")
    put(tmp_path, "/usr/lib/sysctl.d/90-late.conf", "# note\n\n-vm.swappiness=2\n")

    assert owners([SWAPPINESS], tmp_path) == {"vm.swappiness": "/usr/lib/sysctl.d/90-late.conf line 3"}


def test_a_file_in_etc_hides_one_of_the_same_name(tmp_path: Path):
    """An empty one, or a link to /dev/null, switches a vendor's file off."""
    put(tmp_path, "/usr/lib/sysctl.d/50-vendor.conf", "vm.swappiness = 2\n")
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/50-vendor.conf").symlink_to("/dev/null")

    assert owners([SWAPPINESS], tmp_path) == {}


def test_a_file_of_another_ending_is_not_read(tmp_path: Path):
    """Backups of editors lie there."""
    put(tmp_path, "/etc/sysctl.d/10-x.conf.bak", "vm.swappiness = 1\n")

    assert owners([SWAPPINESS], tmp_path) == {}


def test_sysctl_conf_comes_last_and_is_not_named_twice(tmp_path: Path):
    """Debian links /etc/sysctl.d/99-sysctl.conf to it."""
    put(tmp_path, "/etc/sysctl.conf", "vm.swappiness = 60\n")
    assert owners([SWAPPINESS], tmp_path)["vm.swappiness"] == "/etc/sysctl.conf line 1"

    (tmp_path / "etc/sysctl.d").mkdir()
    (tmp_path / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")

    assert owners([SWAPPINESS], tmp_path)["vm.swappiness"] == "/etc/sysctl.d/99-sysctl.conf line 1"
    assert len(sysctl.settings(tmp_path)) == 1


def test_our_own_files_have_no_other_owner(tmp_path: Path):
    """What kerntune keeps is not a conflict with kerntune."""
    put(tmp_path, "/etc/sysctl.d/90-kerntune.conf", "vm.swappiness = 10\n")
    put(tmp_path, "/etc/tmpfiles.d/kerntune.conf", f"w {THP.path} - - - - always\n")

    assert owners([SWAPPINESS, THP], tmp_path) == {}


def test_a_line_for_the_file_itself_counts_more_than_a_later_pattern():
    """Keys for which an explicit pattern exists are excluded from glob matching (sysctl.d(5))."""
    lines = "net.ipv4.conf.eth0.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 2\n"
    lookup = sysctl.effective(sysctl.parse(lines, "x")[0])

    assert lookup("/proc/sys/net/ipv4/conf/eth0/rp_filter").value == "1"
    assert lookup("/proc/sys/net/ipv4/conf/eth1/rp_filter").value == "2"
    assert lookup("/proc/sys/net/ipv4/conf/eth1/deep/rp_filter") is None


def test_a_profile_without_a_section_sets_nothing():
    """Nor does one whose only section was never closed."""
    assert tuned.parse("", "x").settings == tuned.parse("\n[sysctl\nvm.swappiness=1\n", "x").settings == ()


def test_a_tmpfiles_line_is_named(tmp_path: Path):
    """The usual way to make a sysfs value last."""
    put(tmp_path, "/etc/tmpfiles.d/thp.conf", f"# x\nw! {THP.path} - - - - madvise\n")

    assert owners([THP], tmp_path) == {THP.name: "/etc/tmpfiles.d/thp.conf line 2"}


def test_tmpfiles_precedence_is_systemds(tmp_path: Path):
    """The first line for a file counts, a pattern comes after all of them: shown by running it."""
    for name in ("a", "b"):
        put(tmp_path, f"/sys/k/{name}", "")
    put(tmp_path, "/etc/tmpfiles.d/10.conf", 'w /sys/k/a - - - - first\nw "/sys/k/b" - - - - x%%y\\\\z\n')
    put(tmp_path, "/etc/tmpfiles.d/20.conf", "w /sys/k/a - - - - second\n")
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create"], capture_output=True, check=True)

    lookup = tmpfiles.effective(tmpfiles.settings(tmp_path))
    for name in ("a", "b"):
        assert lookup(f"/sys/k/{name}").value == (tmp_path / f"sys/k/{name}").read_text()

    put(tmp_path, "/etc/tmpfiles.d/20.conf", "w /sys/k/[ax] - - - - pattern\n")
    (tmp_path / "sys/k/a").write_text("")
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create"], capture_output=True, check=True)

    lookup = tmpfiles.effective(tmpfiles.settings(tmp_path))
    assert lookup("/sys/k/a").value == (tmp_path / "sys/k/a").read_text() == "pattern"


RULE = """\
# the vendor's
ACTION=="add|change", KERNEL=="vd[a-z]|sd*", SUBSYSTEM=="block", \\
  ATTR{queue/rotational}=="0", ATTR{queue/scheduler}="none"
"""


def test_a_udev_rule_that_writes_a_disks_attribute_is_named(tmp_path: Path):
    """Conditions (==) write nothing; other disks are not meant."""
    put(tmp_path, "/usr/lib/udev/rules.d/60-disk.rules", RULE)
    other = knob("block.nvme0n1.queue.scheduler", "/sys/block/nvme0n1/queue/scheduler")
    read_only = knob("block.vda.queue.rotational", "/sys/block/vda/queue/rotational")

    found = owners([SCHEDULER, other, read_only, THP], tmp_path)

    assert found == {SCHEDULER.name: "udev rule /usr/lib/udev/rules.d/60-disk.rules line 2"}


def test_a_udev_rule_that_writes_a_setting_is_named(tmp_path: Path):
    """SYSCTL{…} names it as sysctl.d does."""
    put(tmp_path, "/etc/udev/rules.d/9.rules", 'ACTION=="add", SYSCTL{vm/swappiness}="5"\n')

    assert list(udev.claims(udev.rules(tmp_path), SWAPPINESS.path)) == [
        "udev rule /etc/udev/rules.d/9.rules line 1"
    ]


PROFILE = """\
[main]
include=basis
[vm]
transparent_hugepages=never
[sysctl]
vm.dirty_ratio=>40
"""


def with_tuned(root: Path) -> None:
    put(root, "/proc/17/comm", "tuned\n")
    put(root, "/etc/tuned/active_profile", "mine\n")
    put(root, "/etc/tuned/mine/tuned.conf", PROFILE)
    put(root, "/usr/lib/tuned/basis/tuned.conf", "[sysctl]\nvm.swappiness = 10\n[main]\ninclude=mine\n")


def test_tuned_owns_what_its_profile_and_those_it_includes_write(tmp_path: Path):
    """Profiles that include each other come to an end, too."""
    with_tuned(tmp_path)

    found = owners([THP, SWAPPINESS, SCHEDULER], tmp_path)

    assert found == {THP.name: "tuned (profile mine)", SWAPPINESS.name: "tuned (profile mine)"}


def test_tuned_owns_the_cpus_as_the_catalogue_names_them(tmp_path: Path):
    """Its options are no files; what they stand for is."""
    with_tuned(tmp_path)
    put(tmp_path, "/etc/tuned/mine/tuned.conf", "[cpu]\ngovernor=performance\nmin_perf_pct=100\n")
    policy = load().find("cpu.cpufreq.policy0.scaling_governor")
    pstate = next(knob for knob in load().knobs.values() if knob.path.endswith("intel_pstate/min_perf_pct"))

    assert owners([policy, pstate], tmp_path).keys() == {policy.name, pstate.name}


def test_tuned_that_does_not_run_owns_nothing(tmp_path: Path):
    """A profile on disk writes nothing by itself."""
    with_tuned(tmp_path)
    (tmp_path / "proc/17/comm").write_text("bash\n")

    assert owners([THP, SWAPPINESS], tmp_path) == {}


def test_managers_are_known_by_the_fifteen_bytes_the_kernel_keeps(tmp_path: Path):
    """power-profiles-daemon is power-profiles- in /proc."""
    put(tmp_path, "/proc/5/comm", "power-profiles-\n")
    governor = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"

    assert list(managers.claims(managers.running(tmp_path), governor)) == ["power-profiles-daemon"]


def test_several_owners_are_all_named(tmp_path: Path):
    """The user has to talk to each of them."""
    with_tuned(tmp_path)
    put(tmp_path, "/etc/sysctl.d/10-x.conf", "vm.swappiness = 1\n")

    assert (
        owners([SWAPPINESS], tmp_path)["vm.swappiness"]
        == "/etc/sysctl.d/10-x.conf line 1; tuned (profile mine)"
    )


def test_saptunes_notes_own_their_settings(tmp_path: Path):
    """Saptune sets values and goes; its configuration says which notes are applied."""
    put(tmp_path, "/etc/sysconfig/saptune", 'TUNE_FOR_NOTES=""\nNOTE_APPLY_ORDER="1410736"\n')
    put(
        tmp_path, "/var/lib/saptune/working/notes/1410736", "[version]\nx\n[sysctl]\nvm.swappiness = 1\n[x]\n"
    )

    assert owners([SWAPPINESS], tmp_path) == {"vm.swappiness": "saptune (note 1410736)"}


def test_tuned_values_that_are_computed_or_compared_are_told():
    """`=>` writes only where the present value is lower; `${}` is known at run time only."""
    text = (
        "[disk]\nreadahead = 8192 s\n[sysctl]\na.b=>1\nc.d=${x}\n[cpu]\nforce_latency=1\n[sysctl.arm]\n"
        + ("type=sysctl\nuname_regex=aarch64\ne.f=1\n")
    )
    profile = tuned.parse(text, "tuned.conf")

    assert profile.settings == (Setting("/sys/block/*/queue/read_ahead_kb", "4096", "tuned.conf", 2),)
    assert [problem.split(":")[0] for problem in profile.problems] == [
        "line 4",
        "line 5",
        "line 7",
        "line 11",
    ]


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_file_upsets_a_reader(one: str, other: str):
    """Files of others hold anything."""
    text = f"{one}\n[sysctl]\n{other}\n= x\n[\n"
    sysctl.parse(text, "x")
    tmpfiles.parse(f"w {one} - - - - {other}\n{text}", "x")
    tuned.parse(text, "x")


def test_a_machine_without_any_of_this_has_no_owners(tmp_path: Path):
    """Containers have no such folders."""
    assert owners([SWAPPINESS, THP, SCHEDULER], tmp_path) == {}


def test_this_machine_can_be_asked():
    """Whatever it has, the answer is words."""
    found = owners([SWAPPINESS, THP, SCHEDULER])

    assert all(isinstance(words, str) and words for words in found.values())
    assert isinstance(SWAPPINESS.domain, Range | Choice)
