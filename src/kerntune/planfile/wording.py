"""pydantic's errors in plain words: the field as it stands in the file, the value, what is wrong with it."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from kerntune.errors import Fault

LONGEST_VALUE = 80
"""Characters of a value that a fault repeats."""

WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "string_type": lambda _: "must be text",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "model_attributes_type": lambda _: "must be an object",
    "string_pattern_mismatch": lambda _: "must not be blank",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda limits: f"must have at most {limits['max_length']} characters",
    "too_short": lambda limits: f"must have at least {limits['min_length']}",
    "too_long": lambda limits: f"must have at most {limits['max_length']}",
    "greater_than": lambda limits: f"must be above {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']}",
    "less_than": lambda limits: f"must be below {limits['lt']:g}",
    "less_than_equal": lambda limits: f"must be at most {limits['le']}",
    "finite_number": lambda _: "must be a finite number",
    "enum": lambda limits: f"must be {limits['expected'].replace(chr(39), '')}",
    "literal_error": lambda limits: f"must be {limits['expected'].replace(chr(39), '')}",
}


Location = tuple[int | str, ...]
"""Where a value stands in a document: ("knobs", 2, "low")."""


class Beginning(str):
    """The beginning of a long value's text, which is shown as it is: it has its quotation marks already."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Returns the text itself."""
        return str(self)


def shape_faults(
    error: ValidationError, shape: type[BaseModel], document: Mapping[str, object]
) -> list[Fault]:
    """Returns the faults of a document that does not have the shape, in the document's words."""
    return [_fault(found, shape, document) for found in error.errors(include_url=False)]


def shortened(value: object) -> object:
    """Returns a value, or the beginning of its text where that is long."""
    text = repr(value)
    return value if len(text) <= LONGEST_VALUE else Beginning(f"{text[:LONGEST_VALUE]}…")


def existing(location: Location, document: object) -> Location:
    """Returns the part of a location that there is in a document: what a text was read into is not there."""
    for depth, step in enumerate(location):
        match document, step:
            case dict(), str() if step in document:
                document = document[step]
            case list(), int() if step < len(document):
                document = document[step]
            case _:
                return location[:depth]
    return location


def field_names(shape: type[BaseModel]) -> list[str]:
    """Returns what the fields of a shape are called in a document."""
    return [field.alias or name for name, field in shape.model_fields.items()]


def field_name(location: Location) -> str:
    """Returns `knobs[2].low` for ("knobs", 2, "low"); `file` for the whole."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".") or "file"


def _fault(found: Mapping[str, Any], shape: type[BaseModel], document: Mapping[str, object]) -> Fault:
    location = found["loc"]
    if found["type"] == "extra_forbidden":
        return Fault(field_name(location), found["input"], _unknown(location, shape))
    say = WORDS.get(found["type"])
    problem = say(found.get("ctx", {})) if say else found["msg"][:1].lower() + found["msg"][1:]
    if found["type"] == "missing":
        return Fault(field_name(location), None, problem)
    return Fault(field_name(existing(location, document)), found["input"], problem)


def _unknown(location: Location, shape: type[BaseModel]) -> str:
    """Returns that no such field exists there, with the one that may be meant."""
    fields = _fields(shape, location[:-1])
    close = get_close_matches(str(location[-1]), fields, n=1)
    offer = f"did you mean {close[0]}?" if close else f"fields: {', '.join(fields)}"
    return f"is not a field here; {offer}"


def _fields(shape: type[BaseModel], location: Location) -> list[str]:
    for part in location:
        if isinstance(part, str) and part in shape.model_fields:
            kinds = [shape.model_fields[part].annotation, *_arguments(shape.model_fields[part].annotation)]
            models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
            shape = models[0] if models else shape
    return field_names(shape)


def _arguments(annotation: object) -> tuple[object, ...]:
    return getattr(annotation, "__args__", ())
