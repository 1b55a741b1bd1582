"""A config for other tools, read back by the real parsers where they are here."""

import configparser
import subprocess

import pytest
import yaml

from kerntune.keep import ansible_tasks, hint_from, paste, shell_script, sysctl_conf, tuned_profile
from kerntune.keep.exports import ANSIBLE_TMPFILES_D

CONFIG = {
    "vm.swappiness": 10,
    "net.ipv4.tcp_wmem:max": 67108864,
    "mm.transparent_hugepage.enabled": "always",
    "block.vda.queue.scheduler": "none",
    "block.vda.queue.read_ahead_kb": 512,
    "mm.ksm.run": 1,
    "net.ipv4.neigh.eth0.100.gc_stale_time": 120,
}
BEFORE = {
    "vm.swappiness": 60,
    "net.ipv4.tcp_wmem:min": 4096,
    "net.ipv4.tcp_wmem:default": 16384,
    "net.ipv4.tcp_wmem:max": 4194304,
    "mm.transparent_hugepage.enabled": "madvise",
    "block.vda.queue.scheduler": "mq-deadline",
    "block.vda.queue.read_ahead_kb": 128,
    "mm.ksm.run": 0,
    "net.ipv4.neigh.eth0.100.gc_stale_time": 60,
}
TITLE = "run-a: ${x} {{ lookup('pipe', 'id') }}\n- hosts: all"


def test_lines_to_paste_go_both_ways(known):
    """Vectors whole and quoted; newest first on the way back."""
    there, back = paste(CONFIG, BEFORE, known)

    assert there[:3] == (
        "sysctl -w vm.swappiness=10",
        "sysctl -w 'net.ipv4.tcp_wmem=4096 16384 67108864'",
        "echo always | tee /sys/kernel/mm/transparent_hugepage/enabled",
    )
    assert back[-2:] == ("sysctl -w 'net.ipv4.tcp_wmem=4096 16384 4194304'", "sysctl -w vm.swappiness=60")
    assert there[-1] == "sysctl -w net/ipv4/neigh/eth0.100/gc_stale_time=120"


def test_the_way_back_from_bytes_sets_the_ratio(known):
    """0 bytes cannot be written."""
    before = {"vm.dirty_bytes": 0, "vm.dirty_ratio": 20}

    assert paste({"vm.dirty_bytes": 268435456}, before, known)[1] == ("sysctl -w vm.dirty_ratio=20",)


def test_a_real_shell_reads_the_script_as_it_is_meant(known, tmp_path):
    """With a sysctl and a tee that only say what they were given."""
    script = tmp_path / "tune.sh"
    script.write_text(shell_script(CONFIG, BEFORE, known, TITLE))
    for name in ("sysctl", "tee"):
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\nprintf "{name}"\nprintf " <%s>" "$@"\n[ {name} = sysctl ] || cat\necho\n'
        )
        program.chmod(0o755)

    def run(*arguments):
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return subprocess.run(
            ["/bin/sh", script, *arguments], check=False, capture_output=True, text=True, env=path
        )

    assert "sysctl <-w> <net.ipv4.tcp_wmem=4096 16384 67108864>\n" in run().stdout
    assert "tee </sys/block/vda/queue/scheduler>mq-deadline\n" in run("undo").stdout
    assert run("nonsense").returncode == 2


def test_a_sysctl_conf_is_read_back_as_a_starting_point(known, tmp_path):
    """What was exported here can be tried there; what is no sysctl is a comment."""
    path = tmp_path / "x.conf"
    path.write_text(sysctl_conf(CONFIG, BEFORE, known, TITLE))
    hint, notes = hint_from(path, known, {"device": ("eth0.100",)})

    assert notes == ()
    assert hint.config == {
        "vm.swappiness": 10,
        **{
            f"net.ipv4.tcp_wmem:{name}": n
            for name, n in (("min", 4096), ("default", 16384), ("max", 67108864))
        },
        "net.ipv4.neigh.eth0.100.gc_stale_time": 120,
    }


def test_a_tuned_profile_uses_tuneds_own_plugins(known):
    """[vm] for huge pages, [disk] without spin-down for queues; read as tuned's loader reads it."""
    text = tuned_profile(CONFIG, BEFORE, known, TITLE)
    parser = configparser.ConfigParser(
        delimiters=("=",), inline_comment_prefixes=("#",), strict=False, interpolation=None
    )
    parser.optionxform = str
    parser.read_string(text)

    assert dict(parser["vm"]) == {"transparent_hugepages": "always"}
    assert dict(parser["disk_vda"]) == {
        "type": "disk", "devices": "vda", "dynamic": "false", "elevator": "none", "readahead": "512"
    }  # fmt: skip
    assert dict(parser["sysctl"]) == {"vm.swappiness": "10", "net.ipv4.tcp_wmem": "4096 16384 67108864"}
    assert dict(parser["sysfs"]) == {"/sys/kernel/mm/ksm/run": "1"}
    assert "tuned cannot name it: net/ipv4/neigh/eth0.100/gc_stale_time" in text
    assert "${" not in parser["main"]["summary"]


def test_an_ansible_file_is_yaml_with_the_right_tasks(known):
    """Settings by ansible.posix.sysctl, /sys by tmpfiles.d; nothing of a title reaches a template."""
    text = ansible_tasks(CONFIG, BEFORE, known, TITLE)
    tasks = yaml.safe_load(text)
    settings = {
        task["ansible.posix.sysctl"]["name"]: task["ansible.posix.sysctl"]["value"] for task in tasks[:3]
    }

    assert settings["net.ipv4.tcp_wmem"] == "4096 16384 67108864"
    assert tasks[3]["ansible.builtin.copy"]["dest"] == ANSIBLE_TMPFILES_D
    assert "w /sys/block/vda/queue/scheduler - - - - none\n" in tasks[3]["ansible.builtin.copy"]["content"]
    assert tasks[4]["ansible.builtin.command"]["argv"] == ["systemd-tmpfiles", "--create", ANSIBLE_TMPFILES_D]
    assert "{{" not in str(tasks)


@pytest.mark.parametrize("config", [{}, {"vm.swappiness": 1}, {"mm.ksm.run": 1}])
def test_small_configs_are_whole_files_too(known, config):
    """No section without an option, no list that is none."""
    assert isinstance(yaml.safe_load(ansible_tasks(config, BEFORE, known)), list)
    assert tuned_profile(config, BEFORE, known).startswith("[main]\nsummary=")
    assert sysctl_conf(config, BEFORE, known).endswith("\n")
