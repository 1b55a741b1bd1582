"""A config as shell lines to paste, for both directions. Nothing is run."""

import shlex
from collections.abc import Sequence

from kerntune.catalog import Catalog, breach, touching
from kerntune.keep.order import disturbed
from kerntune.keep.render import PROC_SYS, sysctl_key
from kerntune.keep.values import rivals, words_of
from kerntune.model.knob import Config, Knob


def paste(config: Config, before: Config, catalog: Catalog) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the lines that set a config, and those that take it back; for root's shell.

    Newest first on the way back, but parents before children, and with what the kernel sets anew by itself.

    Args:
        config: Values of the knobs to set.
        before: What was there, of these and of all that `names` adds to them.
        catalog: Says which members a file has, and what excludes or disturbs what.
    """
    there = [_line(knob, words) for knob, words in words_of(catalog, config, before)]
    old = {name: before[name] for name in reversed(list(config)) if name in before}
    back = words_of(catalog, {**old, **_moved(config, before, catalog)}, {**before, **config})
    return tuple(there), tuple(_back(knob, words, before, catalog) for knob, words in back)


def _moved(config: Config, before: Config, catalog: Catalog) -> Config:
    """Returns the old values of knobs outside a config that the kernel sets anew with it, where they act."""
    changed = [name for name, value in config.items() if before.get(name) != value]
    return {
        name: before[name]
        for name, parent in disturbed(changed, catalog).items()
        if name in before and name not in config and not _is_idle(name, parent, before, catalog)
    }


def _is_idle(name: str, parent: str, before: Config, catalog: Catalog) -> bool:
    """Returns whether a knob's parent had a value under which it takes none."""
    rules = [rule for rule in touching(catalog.constraints, (name,)) if rule.kind == "requires"]
    return any(breach(rule, before) for rule in rules if rule.knobs == (name, parent))


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
