"""A config as shell lines to paste, for both directions. Nothing is run."""

import shlex
from collections.abc import Sequence

from kerntune.catalog import Catalog
from kerntune.keep.render import PROC_SYS, sysctl_key
from kerntune.keep.values import rivals, words_of
from kerntune.model.knob import Config, Knob


def paste(config: Config, before: Config, catalog: Catalog) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the lines that set a config, and those that take it back, newest first; for root's shell.

    Args:
        config: Values of the knobs to set.
        before: What was there, of these and of all that `names` adds to them.
        catalog: Says which members a file has, and what excludes what.
    """
    there = [_line(knob, words) for knob, words in words_of(catalog, config, before)]
    old = {name: before[name] for name in config if name in before}
    back = [_back(knob, words, before, catalog) for knob, words in words_of(catalog, old, before)]
    return tuple(there), tuple(reversed(back))


def _back(knob: Knob, words: Sequence[str], before: Config, catalog: Catalog) -> str:
    """Returns the line that takes a file back; where 0 means unset, by setting what is set instead."""
    if words == ("0",):
        for name in rivals(catalog, knob.name):
            other = catalog.find(name)
            if other is not None and before.get(name, 0) != 0:
                return _line(other, [str(before[name])])
    return _line(knob, words)


def _line(knob: Knob, words: Sequence[str]) -> str:
    value = " ".join(words)
    if knob.path.startswith(PROC_SYS):
        return f"sysctl -w {shlex.quote(f'{sysctl_key(knob)}={value}')}"
    return f"echo {shlex.quote(value)} | tee {shlex.quote(knob.path)}"
