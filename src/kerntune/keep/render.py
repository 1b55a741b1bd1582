"""What is kept, as files that set it at every boot: sysctl.d(5), and tmpfiles.d(5) for /sys."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from kerntune.catalog import Catalog
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

    Vectors are written whole. Where runs disagree the later one counts, and a comment says so. Runs that are
    not permanent are in no file.
    """
    kept = tuple(run for run in runs if run.permanent)
    settled = settle(kept, catalog)
    parts: dict[str, list[str]] = {SYSCTL_D: [], TMPFILES_D: []}
    for run in kept:
        own = {name: value for name, value in settled.config.items() if settled.run[name] == run.run_id}
        for path, lines in _lines(own, settled, catalog).items():
            if lines:
                parts[path] += ["", *run_comment(run), *lines]
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
    for knob, words in words_of(catalog, config, base):
        if knob.path.startswith(PROC_SYS):
            lines[SYSCTL_D].append(f"{sysctl_key(knob)} = {' '.join(words)}")
        else:
            lines[TMPFILES_D].append(tmpfiles_line(knob.path, words[0]))
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


def _lines(own: Config, settled: Settled, catalog: Catalog) -> Mapping[str, list[str]]:
    """Returns a run's lines; a vector shared with a later run is left to that one."""
    last = {knob.file: run for name, run in settled.run.items() if (knob := catalog.find(name)) is not None}
    mine = {
        name: value
        for name, value in own.items()
        if (knob := catalog.find(name)) is not None and last[knob.file] == settled.run[name]
    }
    return config_lines(mine, {**settled.base, **settled.config}, catalog)


def _tell_overruled(parts: Mapping[str, list[str]], settled: Settled, catalog: Catalog) -> None:
    for lost in settled.overruled:
        knob = catalog.find(lost.knob)
        path = SYSCTL_D if knob is None or knob.path.startswith(PROC_SYS) else TMPFILES_D
        if parts[path]:
            comment = (
                f"# {one_line(str(lost.knob))} = {lost.value} of run {lost.run_id} gave way to run {lost.by}"
            )
            parts[path] += ["", comment]
