"""A config for other tools: sysctl.conf, a shell script, a tuned profile, an Ansible task file."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator

from kerntune.catalog import Catalog
from kerntune.keep.render import PROC_SYS, SYSCTL_D, TMPFILES_D, config_lines, one_line, sysctl_key
from kerntune.keep.shell import paste
from kerntune.keep.values import words_of
from kerntune.model.knob import Config, Knob

ANSIBLE_SYSCTL_D = "/etc/sysctl.d/91-kerntune-ansible.conf"
ANSIBLE_TMPFILES_D = "/etc/tmpfiles.d/kerntune-ansible.conf"
"""Not the files that `apply` owns: each of the two would find its own changed by the other."""

THP = "/sys/kernel/mm/transparent_hugepage/"
VM_OPTIONS = {f"{THP}enabled": "transparent_hugepages", f"{THP}defrag": "transparent_hugepage.defrag"}
DISK_OPTIONS = {"scheduler": "elevator", "read_ahead_kb": "readahead"}
QUEUE = re.compile(r"/sys/block/([^/]+)/queue/(\w+)")


def sysctl_conf(config: Config, base: Config, catalog: Catalog, title: str = "") -> str:
    """Returns a sysctl.conf that sets a config; what is no sysctl stands in it as a comment.

    Args:
        config: Values of the knobs to set.
        base: Present values of the other members of their files.
        catalog: Says which members a file has.
        title: What the file is for; a comment.
    """
    lines = config_lines(config, base, catalog)
    sysfs = [line for line in lines[TMPFILES_D] if " /sys/" in line]
    others = [f"# not a sysctl, see tmpfiles.d(5): {line}" for line in sysfs]
    return "\n".join([*_title(title), *lines[SYSCTL_D], *others]) + "\n"


def shell_script(config: Config, before: Config, catalog: Catalog, title: str = "") -> str:
    """Returns a script for root that sets a config; called with `undo` it takes it back."""
    there, back = (tuple(f"    {line}" for line in lines) for lines in paste(config, before, catalog))
    parts = ["#!/bin/sh", *_title(title), "set -e", 'case "${1:-apply}" in', "apply)", *there, "    ;;"]
    parts += ["undo)", *back, "    ;;", "*)", '    echo "usage: $0 [apply|undo]" >&2', "    exit 2", "esac"]
    return "\n".join(parts) + "\n"


def tuned_profile(config: Config, base: Config, catalog: Catalog, title: str = "") -> str:
    """Returns a tuned profile: the `tuned.conf` of its directory.

    Huge pages and disk queues are set by tuned's own plug-ins [vm] and [disk], the rest of /sys by [sysfs].
    Those that disturb others come first: tuned carries out its sections as they stand.
    """
    sections: dict[str, list[str]] = defaultdict(list)
    for knob, words in words_of(catalog, config, base):
        section, line = _tuned_option(knob, " ".join(words))
        sections[section].append(line)
    summary = one_line(title).replace("${", "$ {") or "settings found by kerntune"
    lines = ["[main]", f"summary={summary}"]
    for section in sorted(sections, key=lambda name: (name != "vm", name)):
        lines += ["", f"[{section}]", *_disk_head(section), *sections[section]]
    return "\n".join(lines) + "\n"


def ansible_tasks(config: Config, base: Config, catalog: Catalog, title: str = "") -> str:
    """Returns an Ansible task file: ansible.posix.sysctl for settings, a tmpfiles.d file for /sys."""
    lines = ["---", *_title(title)]
    for knob, words in words_of(catalog, config, base):
        if knob.path.startswith(PROC_SYS):
            lines += _sysctl_task(sysctl_key(knob), " ".join(words))
    sysfs = config_lines(config, base, catalog)[TMPFILES_D]
    if sysfs:
        lines += _tmpfiles_tasks("\n".join(sysfs) + "\n")
    return "\n".join(lines if len(lines) > 2 else [*lines, "[]"]) + "\n"


def _title(title: str) -> list[str]:
    return [f"# {one_line(title)}", "# Written by kerntune."] if title else ["# Written by kerntune."]


def _tuned_option(knob: Knob, value: str) -> tuple[str, str]:
    if knob.path.startswith(PROC_SYS):
        key = knob.path.removeprefix(PROC_SYS).replace("/", ".")
        if "." in knob.path:  # tuned makes every dot a slash, so a device's name with a dot is lost
            return "sysctl", f"# tuned cannot name it: {sysctl_key(knob)} = {value}"
        return "sysctl", f"{key}={value}"
    if knob.path in VM_OPTIONS:
        return "vm", f"{VM_OPTIONS[knob.path]}={value}"
    queue = QUEUE.fullmatch(knob.path)
    if queue is not None and queue[2] in DISK_OPTIONS:
        return f"disk_{queue[1]}", f"{DISK_OPTIONS[queue[2]]}={value}"
    return "sysfs", f"{knob.path}={value}"


def _disk_head(section: str) -> list[str]:
    """Returns the options of a disk's section; without `dynamic` tuned would change spin-down as well."""
    kind, _, disk = section.partition("_")
    return ["type=disk", f"devices={disk}", "dynamic=false"] if kind == "disk" else []


def _sysctl_task(key: str, value: str) -> Iterator[str]:
    yield f"- name: {_quoted(f'kernel setting {key}')}"
    yield "  become: true"
    yield "  ansible.posix.sysctl:"
    yield f"    name: {_quoted(key)}"
    yield f"    value: {_quoted(value)}"
    yield f"    sysctl_file: {_quoted(ANSIBLE_SYSCTL_D)}"
    yield "    sysctl_set: true"
    yield "    state: present"


def _tmpfiles_tasks(content: str) -> Iterator[str]:
    yield '- name: "kernel files below /sys, at every boot"'
    yield "  become: true"
    yield "  ansible.builtin.copy:"
    yield f"    dest: {_quoted(ANSIBLE_TMPFILES_D)}"
    yield '    mode: "0644"'
    yield f"    content: {_quoted(content)}"
    yield '- name: "kernel files below /sys, now"'
    yield "  become: true"
    yield "  ansible.builtin.command:"
    yield f"    argv: [systemd-tmpfiles, --create, {_quoted(ANSIBLE_TMPFILES_D)}]"
    yield "  changed_when: true"


def _quoted(text: str) -> str:
    """Returns a text as a double-quoted YAML scalar: JSON is a part of YAML 1.2."""
    return json.dumps(text)
