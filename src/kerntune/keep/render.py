"""What is kept, as files that set it at every boot: sysctl.d(5), and tmpfiles.d(5) for /sys."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from kerntune.catalog import Catalog
from kerntune.keep.order import disturbed
from kerntune.keep.record import File, Kept
from kerntune.keep.values import Settled, settle, words_of
from kerntune.model.knob import Config, Knob

SYSCTL_D = "/etc/sysctl.d/90-kerntune.conf"
TMPFILES_D = "/etc/tmpfiles.d/kerntune.conf"
PROC_SYS = "/proc/sys/"
LONGEST_COMMENT = 240

HEAD = """\
# Written by kerntune from what is kept on this machine, and written anew when that changes.
# Put lines of your own into a file of your own. `kerntune verify` compares all this with the kernel.
"""
DEVICES = """\
# A device that comes later than systemd-tmpfiles, or under another name, is not reached from here: that needs
# a udev rule (ATTR{...}).
"""


def render(runs: Iterable[Kept], catalog: Catalog) -> tuple[File, ...]:
    """Returns the files that set what several runs amount to; files that would be empty are left out.

    Vectors are written whole, parents before children, whoever kept them. Where runs disagree the later one
    counts, and a comment says so. Runs that are not permanent are in no file.
    """
    kept = {run.run_id: run for run in runs if run.permanent}
    settled = settle(tuple(kept.values()), catalog)
    owner = _owners(settled, tuple(kept), catalog)
    by_run = {name: settled.config[name] for run_id in kept for name in owner if owner[name] == run_id}
    parts: dict[str, list[str]] = {SYSCTL_D: [], TMPFILES_D: []}
    last: dict[str, str] = {}
    for knob, path, line in _lines(by_run, settled.base, catalog):
        run_id = owner[knob.name]
        if last.get(path) != run_id:
            parts[path] += ["", *run_comment(kept[run_id])]
        parts[path].append(line)
        last[path] = run_id
    _tell_overruled(parts, settled, catalog)
    return tuple(
        File(path, head(path, lines) + "\n".join(lines).strip("\n") + "\n")
        for path, lines in parts.items()
        if lines
    )


def head(path: str, lines: Iterable[str]) -> str:
    """Returns the comment a file of ours begins with."""
    has_device = any(re.search(r" /sys/(block|class/net)/", line) for line in lines)
    return f"{HEAD}{DEVICES if path == TMPFILES_D and has_device else ''}\n"


def run_comment(run: Kept) -> Iterator[str]:
    """Yields what a reader of the file wants to know of a run."""
    when = datetime.fromtimestamp(run.occasion.when, UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield f"# run {one_line(run.run_id)}, kept {when} under Linux {one_line(run.occasion.kernel)}"
    if run.occasion.verdict:
        yield f"# {one_line(run.occasion.verdict)}"
    yield f"# to take it back: kerntune undo {one_line(run.run_id)}"


def one_line(text: str) -> str:
    """Returns a text fit for a comment: one line, nothing that a terminal or a parser would act on."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split())[:LONGEST_COMMENT]


def config_lines(config: Config, base: Config, catalog: Catalog) -> Mapping[str, list[str]]:
    """Returns the lines of both files that set a config, without comments, by the file's path."""
    lines: dict[str, list[str]] = {SYSCTL_D: [], TMPFILES_D: []}
    for _, path, line in _lines(config, base, catalog):
        lines[path].append(line)
    return lines


def sysctl_key(knob: Knob) -> str:
    """Returns a knob's name as sysctl programs read it: with slashes where a device's name holds a dot."""
    parts = knob.path.removeprefix(PROC_SYS).split("/")
    return ("/" if any("." in part for part in parts) else ".").join(parts)


def tmpfiles_line(path: str, word: str) -> str:
    """Returns the line that writes a word to a file, escaped as tmpfiles.d(5) wants it.

    The path is read twice: as a quoted word, then as a pattern.
    """
    pattern = re.sub(r"([\\*?\[{])", r"\\\1", path)
    quoted = re.sub(r"([\\\"'])", r"\\\1", pattern).replace("%", "%%")
    if re.search(r"\s", path):
        quoted = f'"{quoted}"'
    argument = word.replace("\\", r"\\").replace("%", "%%")
    return f"w {quoted} - - - - {argument}"


def _lines(config: Config, base: Config, catalog: Catalog) -> Iterator[tuple[Knob, str, str]]:
    """Yields each kernel file of a config as one of its knobs, the file that sets it at boot, and the line.

    A sysctl that a file below /sys disturbs is in both: systemd-tmpfiles runs after systemd-sysctl.
    """
    moved = disturbed(config, catalog)
    for knob, words in words_of(catalog, config, base):
        value = " ".join(words)
        is_sysctl = knob.path.startswith(PROC_SYS)
        if is_sysctl:
            yield knob, SYSCTL_D, f"{sysctl_key(knob)} = {value}"
        if not is_sysctl or knob.name in moved:
            yield knob, TMPFILES_D, tmpfiles_line(knob.path, value)


def _owners(settled: Settled, order: Sequence[str], catalog: Catalog) -> Mapping[str, str]:
    """Returns the run by knob; a vector shared by several is left to the last of them."""
    last: dict[str, str] = {}
    for name, run_id in sorted(settled.run.items(), key=lambda item: order.index(item[1])):
        knob = catalog.find(name)
        last[name if knob is None else knob.file] = run_id
    found = ((name, catalog.find(name)) for name in settled.config)
    return {name: last[name if knob is None else knob.file] for name, knob in found}


def _tell_overruled(parts: Mapping[str, list[str]], settled: Settled, catalog: Catalog) -> None:
    for lost in settled.overruled:
        knob = catalog.find(lost.knob)
        path = SYSCTL_D if knob is None or knob.path.startswith(PROC_SYS) else TMPFILES_D
        if parts[path]:
            comment = f"{lost.knob} = {lost.value} of run {lost.run_id} gave way to run {lost.by}"
            parts[path] += ["", f"# {one_line(comment)}"]
