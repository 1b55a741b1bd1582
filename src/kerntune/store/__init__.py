"""The store: one SQLite file with every run, sample, failure and verdict. One writer, many readers."""

from kerntune.store.export import FORMATS, export
from kerntune.store.history import History
from kerntune.store.records import Owner, Run, RunState, Setup
from kerntune.store.store import Store

__all__ = ["FORMATS", "History", "Owner", "Run", "RunState", "Setup", "Store", "export"]
