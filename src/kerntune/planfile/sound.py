"""The sound part of a document: what is left of it when the fields and items that have faults are taken out.

It is looked at for its meaning, so that a missing comma in one place hides no fault in another.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from kerntune.errors import Fault
from kerntune.planfile.wording import Location, existing, shape_faults

ShapeT = TypeVar("ShapeT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Sound(Generic[ShapeT]):
    """A document's sound part in its shape, and the faults of shape of the rest.

    `places` says for each list which item of the document each item of the shape was.
    """

    shape: ShapeT
    faults: list[Fault]
    places: Mapping[str, list[int]]


def sound(
    shape: type[ShapeT], document: Mapping[str, object], stand_ins: Mapping[str, object]
) -> Sound[ShapeT]:
    """Returns the sound part of a document; a required field that has none becomes its stand-in."""
    left = deepcopy(dict(document))
    places = {name: list(range(len(items))) for name, items in left.items() if isinstance(items, list)}
    faults: list[Fault] | None = None
    while True:
        try:
            return Sound(shape.model_validate(left), faults or [], places)
        except ValidationError as error:
            faults = shape_faults(error, shape, document) if faults is None else faults
            spots = {_spot(found["loc"], left) for found in error.errors(include_url=False)}
            for spot in sorted(spots, reverse=True):  # later items first: the others keep their places
                _take_out(left, spot, places, stand_ins)


def _spot(location: Location, document: object) -> Location:
    """Returns the field or item to be taken out for an error: at most a field of an item of a list."""
    depth = 3 if len(location) > 1 and isinstance(location[1], int) else 2
    return existing(location[:depth], document) or location[:1]


def _take_out(
    document: dict[str, Any], spot: Location, places: dict[str, list[int]], stand_ins: Mapping[str, object]
) -> None:
    name, *way = spot
    if not way and name in stand_ins:
        document[str(name)], places[str(name)] = deepcopy(stand_ins[str(name)]), []
        return
    holder: Any = document
    for step in spot[:-1]:
        holder = holder[step]
    del holder[spot[-1]]
    if isinstance(holder, list):
        del places[str(name)][int(spot[-1])]
