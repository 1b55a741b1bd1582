"""Encodes configs as points of the unit cube and back; what optimizers search, whatever the knobs are.

Knobs that share a vector are separate axes. Decoding never leaves a knob's domain and never breaks an order
constraint, whatever point comes in; that is the one place where such faults are repaired.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Protocol

from kerntune.errors import InputError, KerntuneBug
from kerntune.model.knob import Choice, Config, Domain, Range, Value
from kerntune.model.space import Space

Point = tuple[float, ...]
"""A point of the unit cube: one coordinate in [0, 1] for each axis."""

CELLS = 12
"""A range of at most so many values is cut into equal cells, one a value, instead of being a line."""

SPECIAL_SLICE = 0.1
"""The share of its axis that each special value of a longer range owns (half the axis at most for all)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of the cube: continuous if `levels` is None, else that many equal cells.

    `ordered` is false where neighbouring cells have nothing in common (the words of a category).
    """

    levels: int | None = None
    ordered: bool = True

    def snapped(self, coordinate: float) -> float:
        """Returns the coordinate inside [0, 1], in the middle of its cell where there are cells."""
        inside = min(max(coordinate, 0.0), 1.0)
        return inside if self.levels is None else (self.cell(inside) + 0.5) / self.levels

    def cell(self, coordinate: float) -> int:
        """Returns the index of the cell that a coordinate falls into; an axis without cells has one."""
        levels = self.levels or 1
        return min(max(int(coordinate * levels), 0), levels - 1)


@dataclass(frozen=True, slots=True)
class Cube:
    """The unit cube that an optimizer searches."""

    axes: tuple[Axis, ...]

    def __len__(self) -> int:
        return len(self.axes)

    def snapped(self, point: Sequence[float]) -> Point:
        """Returns the point inside the cube, in the middle of its cells.

        Raises:
            KerntuneBug: the point has another number of coordinates than the cube has axes, or a NaN.
        """
        if len(point) != len(self.axes) or any(math.isnan(coordinate) for coordinate in point):
            msg = f"not a point of a cube with {len(self.axes)} axes: {tuple(point)}"
            raise KerntuneBug(msg, hint="please report the plan and the optimizer that was used")
        return tuple(axis.snapped(coordinate) for axis, coordinate in zip(self.axes, point, strict=True))


@dataclass(frozen=True, slots=True)
class Task:
    """What an optimizer is made for: plug-ins under `kerntune.optimizers` take this one noun.

    `start` are the points to ask first, in order; `trials` is how many will be asked at most; `options` are
    the optimizer's own, as the plan gives them. The same task and scores give the same points.
    """

    cube: Cube
    start: tuple[Point, ...] = ()
    seed: int = 0
    trials: int = 20
    options: Mapping[str, object] = field(default_factory=dict)


class Scale(Protocol):
    """Places the values of one domain on an axis."""

    axis: Axis

    def place(self, value: Value) -> float:
        """Returns a value's coordinate; of the nearest value of the domain where it is not in it."""

    def value(self, coordinate: float) -> Value:
        """Returns the value at a coordinate in [0, 1]."""


class Cells:
    """Equal cells, one for each of a few values: categories, switches, short integer ranges."""

    def __init__(self, values: Sequence[Value]) -> None:
        self.values = tuple(values)
        numbers = all(isinstance(value, int) for value in values)
        self.axis = Axis(len(self.values), ordered=numbers and list(values) == sorted(values, key=int))

    def place(self, value: Value) -> float:
        """Returns the middle of the value's cell; an unknown word stands in the first one."""
        return (self.values.index(_nearest(value, self.values)) + 0.5) / len(self.values)

    def value(self, coordinate: float) -> Value:
        """Returns the value of the cell that the coordinate falls into."""
        return self.values[self.axis.cell(coordinate)]


class Line:
    """A long integer range, linear or logarithmic, with a slice of its own for each special value.

    Special values stand in ascending order at the low end, those above the range at the high end. Each
    integer owns the stretch that rounds to it, so the ends of the range are no rarer than the rest.
    Values above 2**45 on a log scale, or ranges longer than 2**52, are finer than floats: neighbours merge.
    """

    def __init__(self, domain: Range) -> None:
        self.axis = Axis()
        self._range = domain
        specials = sorted(set(domain.special))
        self._above = [value for value in specials if value > domain.high]
        self._below = [value for value in specials if value <= domain.high]
        self._slice = min(SPECIAL_SLICE, 0.5 / max(1, len(specials)))
        self._low = self._slice * len(self._below)
        self._high = 1.0 - self._slice * len(self._above)
        self._shift = 0 if domain.low >= 1 else 1 - domain.low
        self._ends = self._bend(domain.low - 0.5), self._bend(domain.high + 0.5)

    def place(self, value: Value) -> float:
        """Returns the coordinate of the value, or of the nearest one that is in the domain."""
        number = value if isinstance(value, int) else self._range.low
        inside = min(_near(self._range, number), key=lambda known: abs(known - number))
        if inside in self._below:
            return (self._below.index(inside) + 0.5) * self._slice
        if inside in self._above:
            return self._high + (self._above.index(inside) + 0.5) * self._slice
        first, last = self._ends
        share = (self._bend(inside) - first) / (last - first)
        return self._low + share * (self._high - self._low)

    def value(self, coordinate: float) -> Value:
        """Returns the special value whose slice it is, else the integer at the coordinate."""
        if coordinate < self._low:
            return self._below[min(int(coordinate / self._slice), len(self._below) - 1)]
        if coordinate > self._high:
            return self._above[min(int((coordinate - self._high) / self._slice), len(self._above) - 1)]
        first, last = self._ends
        share = (coordinate - self._low) / (self._high - self._low)
        number = round(self._unbend(first + share * (last - first)))
        return min(max(number, self._range.low), self._range.high)

    def _bend(self, value: float) -> float:
        return math.log(value + self._shift) if self._range.log else value

    def _unbend(self, position: float) -> float:
        return math.exp(position) - self._shift if self._range.log else position


def scale_of(domain: Domain) -> Scale:
    """Returns how the values of a domain are placed on an axis."""
    match domain:
        case Choice():
            return Cells(domain.values)
        case Range() if domain.high - domain.low + 1 + len(domain.special) <= CELLS:
            return Cells(sorted({*range(domain.low, domain.high + 1), *domain.special}))
        case Range():
            return Line(domain)


class Encoding:
    """Turns the configs of a space into points of its cube, and points into configs.

    For every config inside the space that keeps its order constraints, `decode(encode(config)) == config`.

    Raises:
        InputError: the domains leave no config that keeps the order constraints (each is named).
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._scales = {dimension.knob.name: scale_of(dimension.domain) for dimension in space}
        self._orders = Orders(space)
        self.cube = Cube(tuple(scale.axis for scale in self._scales.values()))

    def encode(self, config: Config) -> Point:
        """Returns the point of a config; knobs it does not name stand at their present values.

        A value outside the domain (the present one may be, when the plan narrowed it) stands at the nearest
        value inside, so decoding its point does not give it back.

        Raises:
            InputError: the config names a knob that is not in the space.
        """
        unknown = sorted(config.keys() - self._scales.keys())
        if unknown:
            msg = f"cannot place {', '.join(unknown)}: not among the plan's knobs"
            raise InputError(msg, hint=f"the plan's knobs are {', '.join(self._scales)}")
        full = {**self.space.default, **config}
        return tuple(scale.place(full[name]) for name, scale in self._scales.items())

    def decode(self, point: Sequence[float]) -> Config:
        """Returns the config at a point; values too low for an order constraint are raised until it holds.

        Raises:
            KerntuneBug: it is not a point of this cube.
        """
        inside = self.cube.snapped(point)
        values = {
            name: scale.value(coordinate)
            for (name, scale), coordinate in zip(self._scales.items(), inside, strict=True)
        }
        return self._orders.kept(values)


class Orders:
    """The order constraints of a space, and how far each knob may go so that all of them can be kept.

    Knobs that are not searched stay where they are, and bound those that are.

    Raises:
        InputError: no config keeps them; every knob that is left without a value is named.
        KerntuneBug: the constraints run in a circle, or are about words.
    """

    def __init__(self, space: Space) -> None:
        self._domains = {dimension.knob.name: dimension.domain for dimension in space}
        fixed = {name: value for name, value in space.neighbours if name not in self._domains}
        self._before = _predecessors(space, self._domains.keys() | fixed.keys())
        self._names = _sorted(self._before)
        self._fixed = {name: _number(fixed[name], name) for name in self._names if name in fixed}
        self._low = self._lowest()
        self._high = self._highest()
        self._refuse_the_impossible()

    def kept(self, values: Config) -> Config:
        """Returns the values, those too low for their predecessors (too high for a fixed one) moved.

        It is the identity on values that keep the orders, and monotone: raising one value lowers none.
        """
        kept = dict(values)
        for name in self._names:
            if name in self._fixed:
                continue
            number = min(max(_number(kept[name], name), self._low[name]), self._high[name])
            floors = (_number(kept[known], known) for known in self._before[name] if known in kept)
            kept[name] = self._up(name, max([number, *floors]))
        return kept

    def _lowest(self) -> dict[str, int]:
        low: dict[str, int] = {}
        for name in self._names:
            floors = [low[known] for known in self._before[name]]
            own = self._fixed[name] if name in self._fixed else min(_ends(self._domains[name], name))
            low[name] = self._up(name, max([own, *floors]))
        return low

    def _highest(self) -> dict[str, int]:
        high: dict[str, int] = {}
        for name in reversed(self._names):
            ceilings = [high[known] for known, before in self._before.items() if name in before]
            own = self._fixed[name] if name in self._fixed else max(_ends(self._domains[name], name))
            high[name] = self._down(name, min([own, *ceilings]))
        return high

    def _up(self, name: str, number: int) -> int:
        """Returns the lowest value of a knob's domain from `number` on, `number` itself if there is none."""
        if name in self._fixed:
            return number
        return min((known for known in _near(self._domains[name], number) if known >= number), default=number)

    def _down(self, name: str, number: int) -> int:
        if name in self._fixed:
            return number
        return max((known for known in _near(self._domains[name], number) if known <= number), default=number)

    def _refuse_the_impossible(self) -> None:
        stuck = [
            f"{name} ({self._domains[name]}) would have to be from {self._low[name]} to {self._high[name]}"
            for name in self._names
            if name not in self._fixed and self._low[name] > self._high[name]
        ]
        if stuck:
            msg = f"no config keeps the order of the knobs: {'; '.join(sorted(stuck))}"
            raise InputError(msg, hint="widen the range of one of them, or add its neighbour to the plan")


def _predecessors(space: Space, known: AbstractSet[str]) -> dict[str, list[str]]:
    """Returns, for each knob under an order constraint, the knobs that may not be above it."""
    before: dict[str, list[str]] = {}
    for constraint in space.constraints:
        if constraint.kind != "order":
            continue
        chain = [name for name in constraint.knobs if name in known]
        for name in chain:
            before.setdefault(name, [])
        for lower, upper in pairwise(chain):
            before[upper].append(lower)
    return before


def _sorted(before: Mapping[str, list[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        msg = f"order constraints run in a circle: {error.args[1]}"
        raise KerntuneBug(msg, hint="please report the catalogue's version") from error


def _number(value: Value, name: str) -> int:
    if isinstance(value, int):
        return value
    msg = f"{name} stands in an order constraint but holds a word: {value!r}"
    raise KerntuneBug(msg, hint="please report the catalogue's version")


def _ends(domain: Domain, name: str) -> list[int]:
    match domain:
        case Choice():
            return [_number(value, name) for value in domain.values]
        case Range():
            return [domain.low, domain.high, *domain.special]


def _near(domain: Domain, number: int) -> list[int]:
    """Returns values of a domain, the nearest ones below and above `number` among them."""
    match domain:
        case Choice():
            return [value for value in domain.values if isinstance(value, int)]
        case Range():
            return [min(max(number, domain.low), domain.high), *domain.special]


def _nearest(value: Value, values: Sequence[Value]) -> Value:
    """Returns the value itself, the nearest number, or for an unknown word the first value."""
    if value in values:
        return value
    numbers = [known for known in values if isinstance(known, int)]
    if isinstance(value, int) and numbers:
        return min(numbers, key=lambda known: abs(known - value))
    return values[0]
