"""Configs as shell lines to paste, with the values of this machine to go back to."""

from kerntune.catalog import Catalog
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.keep import look, names, paste
from kerntune.model.knob import Absence, Config


def pasted(config: Config, present: Config, catalog: Catalog) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the shell lines that set a config, and those that take it back.

    `present` are the values to go back to; what it lacks is looked up on this machine.
    """
    return paste(config, {**present_values(config, catalog), **present}, catalog)


def present_values(config: Config, catalog: Catalog) -> Config:
    """Returns the present values of a config's knobs, and of those that hang together with them."""
    readings = look(names(config, catalog), Panel(catalog, kinds()))
    return {name: value for name, value in readings.items() if not isinstance(value, Absence)}
