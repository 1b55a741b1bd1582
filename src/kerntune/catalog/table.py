"""Reads one table of a catalogue file with types; what is wrong is collected, never raised one by one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from kerntune.errors import Fault

EnumT = TypeVar("EnumT", bound=StrEnum)


class Table:
    """One TOML table while it is read: typed fields out, faults into a list shared by the whole catalogue.

    `where` is what faults call the table: its file and name.
    """

    def __init__(self, where: str, fields: Mapping[str, object], faults: list[Fault]) -> None:
        self.where = where
        self._fields = fields
        self._faults = faults

    def fault(self, key: str, problem: str) -> None:
        """Records that a field is wrong."""
        self._faults.append(Fault(f"{self.where}.{key}", self._fields.get(key), problem))

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def text(self, key: str, default: str | None = None) -> str:
        """Returns a text; without a default it must be there and not be empty."""
        value = self._fields.get(key, default)
        if isinstance(value, str) and (value or default is not None):
            return value
        self.fault(key, "missing" if key not in self._fields else "must be a text")
        return ""

    def flag(self, key: str) -> bool:
        """Returns a truth value, false where it is not given."""
        value = self._fields.get(key, False)
        if isinstance(value, bool):
            return value
        self.fault(key, "must be true or false")
        return False

    def scalar(self, key: str) -> int | str | None:
        """Returns a whole number or a text, None where it is not given."""
        value = self._fields.get(key)
        if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
            return value
        self.fault(key, "must be a whole number or a text")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Returns a list of texts, empty where it is not given."""
        items = self._items(key)
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            self.fault(key, "must be a list of texts")
        return texts

    def numbers(self, key: str) -> tuple[int, ...]:
        """Returns a list of whole numbers, empty where it is not given."""
        items = self._items(key)
        numbers = tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool))
        if len(numbers) != len(items):
            self.fault(key, "must be a list of whole numbers")
        return numbers

    def scalars(self, key: str) -> tuple[int | str, ...]:
        """Returns a list of whole numbers or of texts, not mixed and without repeats."""
        items = self._items(key)
        if all(type(item) is int for item in items) or all(type(item) is str for item in items):
            if len(set(items)) == len(items):
                return tuple(item for item in items if isinstance(item, int | str))
            self.fault(key, "names a value twice")
        else:
            self.fault(key, "must be a list of whole numbers or a list of texts")
        return ()

    def tables(self, key: str) -> list[dict[str, object]]:
        """Returns a list of tables, empty where it is not given."""
        items = self._items(key)
        tables = [item for item in items if isinstance(item, dict)]
        if len(tables) != len(items):
            self.fault(key, "must be a list of tables")
        return tables

    def word(self, key: str, kind: type[EnumT], default: EnumT | None = None) -> EnumT | None:
        """Returns one of an enumeration's words; without a default it must be there."""
        value = self._fields.get(key, default)
        try:
            return kind(value if isinstance(value, str) else "")
        except ValueError:
            self.fault(key, f"must be one of {', '.join(kind)}")
            return None

    def only(self, known: frozenset[str]) -> None:
        """Records every field that is not known."""
        for key in self._fields.keys() - known:
            self.fault(key, "unknown field")

    def _items(self, key: str) -> list[object]:
        value = self._fields.get(key, [])
        if isinstance(value, list):
            return value
        self.fault(key, "must be a list")
        return []
