"""JSON text to plain values, with the faults that Python's own reader lets pass. Bounded in size, depth."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from kerntune.errors import Fault, PlanError

LONGEST = 1 << 20
"""Bytes of a plan file. Plans of fifty knobs have thirty thousand."""

DEEPEST = 32
"""Nested brackets. Plans need five, options of a plug-in perhaps some more."""

LONGEST_NUMBER = 300
"""Digits; Python refuses to read 4,300, and no kernel value has more than twenty."""

STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class Twice(dict[str, object]):
    """A JSON object in which some keys occur more than once."""

    keys_twice: tuple[str, ...] = ()


def read(path: Path) -> str:
    """Returns the text of a plan file; a pipe will do.

    Raises:
        PlanError: it cannot be opened, is too long, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        fault = Fault("file", str(path), f"cannot be read: {error.strerror}")
        raise PlanError(str(path), [fault], hint='kerntune plan "…" -o plan.json makes one') from error
    except ValueError as error:  # a NUL in the name
        raise PlanError(str(path), [Fault("file", str(path), f"is no file name: {error}")]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Fault(f"byte {error.start}", content[error.start : error.start + 1], "is not UTF-8 text")
        raise PlanError(str(path), [fault], hint="save the file as UTF-8") from error


def parse(text: str, source: str) -> tuple[object, list[Fault]]:
    """Returns the value that a JSON text stands for, and faults inside it: keys twice, numbers that are none.

    Raises:
        PlanError: it is not JSON, too long or nested too deep; `source` names it.
    """
    fault = _unreadable(text)
    if fault is None:
        try:
            value = json.loads(text, object_pairs_hook=_object, parse_int=_whole, parse_constant=float)
        except json.JSONDecodeError as error:
            fault = Fault(f"line {error.lineno}, column {error.colno}", _near(text, error.pos), _say(error))
    if fault is not None:
        raise PlanError(
            source, [fault], hint='kerntune plan "…" -o plan.json makes a plan file to start from'
        )
    return value, list(_inner_faults(value, ""))


def _unreadable(text: str) -> Fault | None:
    if len(text) > LONGEST:
        return Fault("file", f"{len(text):,} characters", f"is too long: a plan has at most {LONGEST:,}")
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        return Fault("file", f"{deepest} levels", f"is nested too deep: a plan has at most {DEEPEST} levels")
    return None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(made := dict(pairs)) == len(pairs):
        return made
    keys = [key for key, _ in pairs]
    twice = Twice(made)
    twice.keys_twice = tuple(dict.fromkeys(key for key in keys if keys.count(key) > 1))
    return twice


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf


def _inner_faults(value: object, where: str) -> Iterator[Fault]:
    match value:
        case float() if not math.isfinite(value):
            yield Fault(where, value, "must be a finite number")
        case str() if problem := _text_problem(value):
            yield Fault(where, value, problem)
        case list():
            for index, item in enumerate(value):
                yield from _inner_faults(item, f"{where}[{index}]")
        case dict():
            yield from _object_faults(value, where)


def _object_faults(value: dict[str, object], where: str) -> Iterator[Fault]:
    for key, item in value.items():
        inner = f"{where}.{key}" if where else key
        if isinstance(value, Twice) and key in value.keys_twice:
            yield Fault(inner, item, "is given twice")
        if problem := _text_problem(key):
            yield Fault(inner, key, problem)
        yield from _inner_faults(item, inner)


def _text_problem(text: str) -> str:
    if "\0" in text:
        return "holds a zero character"
    return "" if text.isascii() or not re.search(r"[\ud800-\udfff]", text) else "is not valid Unicode"


def _near(text: str, position: int) -> str:
    return text[position : position + 20]


def _say(error: json.JSONDecodeError) -> str:
    """Returns the reader's own words in our form: `not JSON: expecting ',' delimiter`."""
    return f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
