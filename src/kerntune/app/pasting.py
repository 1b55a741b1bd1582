"""Configs as shell lines to paste, with the values of this machine to go back to."""

from kerntune.catalog import Catalog
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.keep import names, paste, present
from kerntune.model.knob import Config


def pasted(config: Config, before: Config, catalog: Catalog) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the shell lines that set a config, and those that take it back.

    `before` are the values to go back to; what it lacks is looked up on this machine.
    """
    return paste(config, {**present(names(config, catalog), Panel(catalog, kinds())), **before}, catalog)
