"""Writes the reference page of the catalogue to standard output."""

import sys

from kerntune.catalog import load, page

sys.stdout.write(page(load()))
