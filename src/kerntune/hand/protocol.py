"""One JSON request a line, one JSON reply a line: how both ends of the hand's pipe write and parse them.

A reply carries the `id` of its request, so that a client that was interrupted can skip stale ones.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from kerntune.errors import HandError
from kerntune.model.knob import Absence, AbsenceReason, Reading, Value

VERSION = 1
LONGEST_LINE = 1 << 20  # bytes; a longer request is not one of ours
Match = Literal["exact", "clamped", "rounded"]
State = Literal["restored", "already", "left", "inexact", "gone", "failed"]
MATCHES: Mapping[str, Match] = {word: word for word in get_args(Match)}
STATES: Mapping[str, State] = {word: word for word in get_args(State)}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the hand: one of its operations with named arguments."""

    id: object
    op: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of one knob of a config: the value asked for, and the value the kernel now has."""

    knob: str
    requested: Value
    effective: Value
    match: Match


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one knob when it was to go back from `ours` to `old`.

    `restored`: it is back. `already`: it was back before we looked. `left`: somebody else had changed it to
    `present`, so it was left alone. `inexact`: the kernel made `present` of the old value. `gone`: its file
    is no more. `failed`: the kernel refused the old value; the journal is kept.
    """

    knob: str
    state: State
    old: Value
    ours: Value
    present: Value | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A knob that somebody else changed: the value we left there, and theirs."""

    knob: str
    ours: Value
    present: Value


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the lines that the data completes.

        Raises:
            HandError: a line has no end.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            msg = f"a line of more than {LONGEST_LINE} bytes"
            raise HandError(msg, kind="protocol")
        return [line for line in lines if line.strip()]


def _fields(item: object) -> dict[str, object]:
    assert isinstance(item, Effect | Outcome), "only these two travel as they are"
    return {name: getattr(item, name) for name in item.__slots__}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_fields)


def encode(message: Mapping[str, object]) -> bytes:
    """Returns a message as one line."""
    return _ENCODER.encode(message).encode() + b"\n"


def parse(line: bytes) -> dict[str, object]:
    """Returns the JSON object of a line.

    Raises:
        HandError: it is not one JSON object, or names a field twice.
    """
    try:
        message = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as error:
        msg = f"not a JSON line: {error}"
        raise HandError(msg, kind="protocol") from error
    if not isinstance(message, dict):
        msg = f"not a JSON object: {type(message).__name__}"
        raise HandError(msg, kind="protocol")
    return message


def request(line: bytes) -> Request:
    """Returns the request of a line.

    Raises:
        HandError: it is not one.
    """
    message = parse(line)
    op = message.pop("op", None)
    if not isinstance(op, str):
        msg = f"a request has an op, this one has {op!r}"
        raise HandError(msg, kind="protocol")
    return Request(message.pop("id", None), op, message)


def reading_to_json(reading: Reading) -> object:
    """Returns a reading as JSON: the value, or an object that says why there is none."""
    if isinstance(reading, Absence):
        return {"absent": reading.reason.value, "detail": reading.detail}
    return reading


def reading_from_json(item: object) -> Reading:
    """Returns the reading of a JSON value.

    Raises:
        HandError: it is neither a value nor an absence.
    """
    match item:
        case bool():
            pass
        case int() | str():
            return item
        case {"absent": str(reason), "detail": str(detail)} if reason in set(AbsenceReason):
            return Absence(AbsenceReason(reason), detail)
    raise _unlike(item)


def error_to_json(error: HandError) -> dict[str, object]:
    """Returns an error as JSON."""
    return {"kind": error.kind, "message": str(error), "knob": error.knob, "hint": error.hint}


def error_from_json(item: object) -> HandError:
    """Returns the error of a refusing reply."""
    fields = item if isinstance(item, dict) else {}
    text = {key: str(fields.get(key, "")) for key in ("message", "knob", "kind", "hint")}
    return HandError(text["message"], knob=text["knob"], kind=text["kind"], hint=text["hint"])


def effect_from_json(item: object) -> Effect:
    """Returns the effect of a JSON object.

    Raises:
        HandError: it is none.
    """
    match item:
        case {
            "knob": str(knob),
            "requested": int() | str() as asked,
            "effective": int() | str() as got,
            "match": str(match),
        } if match in MATCHES:
            return Effect(knob, asked, got, MATCHES[match])
    raise _unlike(item)


def outcome_from_json(item: object) -> Outcome:
    """Returns the outcome of a JSON object.

    Raises:
        HandError: it is none.
    """
    match item:
        case {
            "knob": str(knob),
            "state": str(state),
            "old": int() | str() as old,
            "ours": int() | str() as ours,
            "present": int() | str() | None as present,
            "detail": str(detail),
        } if state in STATES:
            return Outcome(knob, STATES[state], old, ours, present, detail)
    raise _unlike(item)


def foreign_from_json(item: object) -> Foreign:
    """Returns the foreign change of a JSON object.

    Raises:
        HandError: it is none.
    """
    match item:
        case {"knob": str(knob), "ours": int() | str() as ours, "present": int() | str() as present}:
            return Foreign(knob, ours, present)
    raise _unlike(item)


def _unlike(item: object) -> HandError:
    return HandError(
        f"the hand's reply makes no sense: {item!r}", kind="protocol", hint="both ends must be of one version"
    )


def config_of(arguments: Mapping[str, object]) -> dict[str, Value]:
    """Returns the config of an `apply`: knob names with integers or words.

    Raises:
        HandError: it is not one; every wrong value is named.
    """
    config = arguments.get("config")
    if not isinstance(config, dict):
        msg = f"apply wants a config, found {config!r}"
        raise HandError(msg, kind="protocol")
    wrong = [f"{name} = {value!r}" for name, value in config.items() if type(value) not in (int, str)]
    if wrong:
        msg = f"values are integers or words, found {', '.join(wrong)}"
        hint = "`kerntune knobs show` tells which values a knob takes"
        raise HandError(msg, knob=wrong[0].partition(" = ")[0], kind="domain", hint=hint)
    return config


def names_of(arguments: Mapping[str, object]) -> list[str]:
    """Returns the knob names of a `read`.

    Raises:
        HandError: they are not a list of words.
    """
    names = arguments.get("knobs")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        msg = f"read wants a list of knobs, found {names!r}"
        raise HandError(msg, kind="protocol")
    return names


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a field stands there twice"
        raise ValueError(msg)
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
