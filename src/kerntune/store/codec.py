"""Frozen model values to JSON text and back, exactly; the one place where the store's format is made.

Not-finite floats become the strings "inf", "-inf" and "nan", so that every reader of JSON can read the file.
Text may hold anything that a file name or a broken program's output may hold, lone surrogates included.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from kerntune.errors import KerntuneBug, StoreError

T = TypeVar("T")


def plain(value: object) -> object:
    """Returns a model value as dicts, lists, strings, numbers, booleans and None."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    msg = f"cannot store a {type(value).__name__}: {value!r}"
    raise KerntuneBug(msg, hint="plans and events hold JSON values and frozen dataclasses only")


def encode(value: object) -> str:
    """Returns a model value as compact JSON text.

    Raises:
        KerntuneBug: it holds something that JSON has no word for.
    """
    return json.dumps(plain(value), separators=(",", ":"), allow_nan=False)


def decode(kind: type[T], text: str) -> T:
    """Returns the value of a type that `encode` made the text from.

    Raises:
        StoreError: the text was damaged, or written by a version with other types.
    """
    adapter: Callable[[object], TypeAdapter[Any]] = _adapter
    try:
        value: T = adapter(kind).validate_python(json.loads(text))
    except (ValueError, ValidationError) as error:
        msg = f"cannot read a stored {getattr(kind, '__name__', kind)}: {error}"
        raise StoreError(msg, hint="another version of kerntune may have written it") from error
    return value


def clean(text: str) -> str:
    """Returns text that SQLite can hold: lone surrogates are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
