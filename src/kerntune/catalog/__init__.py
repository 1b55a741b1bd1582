"""The catalogue: what can be turned, within which bounds, and what is never touched.

Standard library only, because the hand imports it. Never reads a live kernel.
"""

from kerntune.catalog.check import breach, config_faults, name_problem, pick_faults
from kerntune.catalog.danger import Danger, OneWay, Vanished
from kerntune.catalog.describe import Row, default_text, domain_text, facts, page, rows
from kerntune.catalog.loader import Catalog, load
from kerntune.catalog.mark import MARKS, Mark, expanded, filled, mark_of, touching
from kerntune.catalog.resolve import Resolution, names_to_read, outside, resolve

__all__ = [
    "MARKS",
    "Catalog",
    "Danger",
    "Mark",
    "OneWay",
    "Resolution",
    "Row",
    "Vanished",
    "breach",
    "config_faults",
    "default_text",
    "domain_text",
    "expanded",
    "facts",
    "filled",
    "load",
    "mark_of",
    "name_problem",
    "names_to_read",
    "outside",
    "page",
    "pick_faults",
    "resolve",
    "rows",
    "touching",
]
