"""Noisy synthetic surfaces with a known optimum, to show an optimizer against `random`.

They are made of what kernel knobs do: most do nothing, a few saturate, peak or fall off a cliff, on log
scales and in categories, and some matter only together. No claim about any real kernel follows from them.
The policy that comes with `ppo` never saw them: it was trained on other ones, which share no code with these.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kerntune.model.knob import Choice, Config, Domain, Knob, Range, Risk, Rollback, Scope, Value
from kerntune.model.space import Dimension, Space

NOISE = 0.05
"""Standard deviation of one run's log gain: 5 % multiplicative noise."""

_DOMAINS: tuple[Domain, ...] = (
    Range(4096, 64 << 20, log=True),
    Range(1, 100_000, log=True),
    Choice(("cubic", "bbr", "reno", "dctcp")),
    Range(0, 1000, special=(-1,)),
    Choice((0, 1)),
    Range(0, 65_536, log=True, special=(-1,)),
    Choice(("fq", "fq_codel", "pfifo_fast")),
    Range(1, 8),
)


_RANGES = tuple(domain for domain in _DOMAINS if isinstance(domain, Range))
_CHOICES = tuple(domain for domain in _DOMAINS if isinstance(domain, Choice))


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of surface: which knobs and shapes it has, and how much of it acts jointly."""

    domains: tuple[Domain, ...] = _DOMAINS
    shapes: tuple[str, ...] = ("saturating", "peak", "cliff")
    joint: float = 1.0
    failing: bool = False
    best: float = 2.5  # times as fast as a config without any merit


FAMILIES: Mapping[str, Family] = {
    "mixed": Family(),
    "smooth": Family(_RANGES, ("saturating", "peak"), joint=0.0),
    "cliffs": Family(_RANGES, ("cliff",), joint=0.0),
    "categories": Family(_CHOICES),
    "interactions": Family(joint=8.0),
    "failures": Family(failing=True),
    "no effect": Family(best=1.0),
}
"""The families that optimizers are compared on."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one knob does: `weight` times its merit, which is 1 at its best value and less elsewhere.

    `merits` are those of words and special values; numbers go by their place on the scale (0 to 1): `shape`
    "saturating" is best from `centre` on, "peak" around it, "cliff" up to it and ruinous from there on.
    """

    weight: float
    shape: str
    centre: float
    merits: Mapping[Value, float]

    def merit(self, value: Value, domain: Domain) -> float:
        """Returns how good a value is, 1 at best."""
        if value in self.merits or not isinstance(domain, Range) or not isinstance(value, int):
            return self.merits[value]
        place = _place(value, domain)
        match self.shape:
            case "saturating":
                return min(1.0, place / self.centre)
            case "cliff":
                return place / self.centre if place <= self.centre else -1.0
            case _:
                return math.exp(-((place - self.centre) ** 2) / (2 * 0.15**2))


@dataclass(frozen=True, slots=True)
class Surface:
    """A space with a known gain for each config; `together` are weights of pairs that act jointly.

    `limits` are places on the scales of knobs, by their index, above which a run fails.
    """

    space: Space
    effects: tuple[Effect, ...]
    together: Mapping[tuple[int, int], float]
    limits: Mapping[int, float] = field(default_factory=dict)

    def gain(self, config: Config) -> float:
        """Returns the true log gain of a config over the space's default."""
        return self._height(config) - self._height(self.space.default)

    def observed(self, config: Config, generator: np.random.Generator) -> float:
        """Returns the log gain that one noisy run shows."""
        return self.gain(config) + NOISE * float(generator.standard_normal())

    def fails(self, config: Config) -> bool:
        """Says whether a run at this config fails; the default and the best config never do."""
        for index, limit in self.limits.items():
            dimension = self.space.dimensions[index]
            value, domain = config[dimension.knob.name], dimension.domain
            if isinstance(domain, Range) and isinstance(value, int) and _place(value, domain) > limit:
                return True
        return False

    @property
    def headroom(self) -> float:
        """Returns the log gain of the best config there is."""
        return self.gain(self.best())

    def captured(self, config: Config) -> float:
        """Returns the share of the headroom that a config truly has, 1 at best; losses are negative.

        Where there is no headroom at all, it is 0.
        """
        if self.headroom == 0.0:
            return 0.0
        return math.expm1(self.gain(config)) / math.expm1(self.headroom)

    def best(self) -> Config:
        """Returns the best config: every weight is positive, so it is best in each knob."""
        return {
            dimension.knob.name: _best_value(effect, dimension.domain)
            for effect, dimension in zip(self.effects, self.space, strict=True)
        }

    def hints(self, right: float, count: int, generator: np.random.Generator) -> list[Config]:
        """Returns starting points in which each knob is near its best with probability `right`, else default.

        A "near" number is off by a tenth of its scale (one standard deviation).
        """
        return [
            {
                dimension.knob.name: _nearly(effect, dimension.domain, generator)
                for effect, dimension in zip(self.effects, self.space, strict=True)
                if generator.random() < right
            }
            for _ in range(count)
        ]

    def _height(self, config: Config) -> float:
        merits = [
            effect.merit(config[dimension.knob.name], dimension.domain)
            for effect, dimension in zip(self.effects, self.space, strict=True)
        ]
        alone = sum(effect.weight * merit for effect, merit in zip(self.effects, merits, strict=True))
        joint = sum(
            weight * max(0.0, merits[one]) * max(0.0, merits[other])
            for (one, other), weight in self.together.items()
        )
        return alone + joint


def surface(knobs: int, seed: int, family: str = "mixed") -> Surface:
    """Returns the surface of so many knobs (2 or more) that a seed stands for in a family.

    The best config is 2.5 times as fast as one without any merit; defaults stand low on most knobs.
    """
    kind, generator = FAMILIES[family], np.random.default_rng([knobs, seed])
    domains = [kind.domains[index % len(kind.domains)] for index in range(knobs)]
    weights = generator.exponential(size=knobs) ** 2
    pairs = [tuple(sorted(generator.choice(knobs, 2, replace=False).tolist())) for _ in range(knobs // 2)]
    joint = kind.joint * generator.exponential(size=len(pairs)) ** 2
    unit = math.log(kind.best) / (weights.sum() + joint.sum())
    effects = tuple(
        _effect(float(weight * unit), domain, kind.shapes, generator)
        for weight, domain in zip(weights, domains, strict=True)
    )
    together: dict[tuple[int, int], float] = {}
    for (one, other), weight in zip(pairs, joint, strict=True):
        together[one, other] = together.get((one, other), 0.0) + float(weight * unit)
    dimensions = tuple(_dimension(index, domain, generator) for index, domain in enumerate(domains))
    limits = _limits(effects, domains, generator) if kind.failing else {}
    return Surface(Space(dimensions), effects, together, limits)


def _limits(
    effects: Sequence[Effect], domains: Sequence[Domain], generator: np.random.Generator
) -> Mapping[int, float]:
    """Returns limits above the best places of every second range; defaults stand below 0.4."""
    limits = {}
    for index, (effect, domain) in enumerate(zip(effects, domains, strict=True)):
        if isinstance(domain, Range) and index % 2 == 0:
            lowest = max(effect.centre, 0.4) + 0.02
            limits[index] = float(generator.uniform(lowest, lowest + 0.1))
    return limits


def _effect(weight: float, domain: Domain, shapes: Sequence[str], generator: np.random.Generator) -> Effect:
    words = domain.values if isinstance(domain, Choice) else domain.special
    merits = {word: float(generator.uniform(0.0, 0.9)) for word in words}
    if isinstance(domain, Choice):
        merits[domain.values[int(generator.integers(len(words)))]] = 1.0
    shape = str(generator.choice(shapes))
    return Effect(weight, shape, float(generator.uniform(0.35, 0.85)), merits)


def _dimension(index: int, domain: Domain, generator: np.random.Generator) -> Dimension:
    name = f"synthetic.knob{index}"
    present = domain.values[0] if isinstance(domain, Choice) else _at(generator.uniform(0.0, 0.4), domain)
    knob = Knob(
        name=name,
        kind="sysctl",
        path=f"/nowhere/{name}",
        domain=domain,
        scope=Scope.GLOBAL,
        risk=Risk.R0,
        rollback=Rollback.EXACT,
        meaning="a synthetic knob",
        source="kerntune.testing.surfaces",
        subsystem="synthetic",
    )
    return Dimension(knob, domain, present)


def _place(value: int, domain: Range) -> float:
    low, high, now = (_bent(number, domain) for number in (domain.low, domain.high, value))
    return (now - low) / (high - low)


def _at(place: float, domain: Range) -> int:
    low, high = (_bent(number, domain) for number in (domain.low, domain.high))
    bent = low + min(max(place, 0.0), 1.0) * (high - low)
    return round(math.expm1(bent) if domain.log else bent)


def _bent(number: int, domain: Range) -> float:
    return math.log1p(number) if domain.log else number


def _best_value(effect: Effect, domain: Domain) -> Value:
    if isinstance(domain, Choice):
        return max(domain.values, key=lambda word: effect.merits[word])
    centre = _at(effect.centre, domain)
    numbers = [number for number in (centre - 1, centre, centre + 1) if number in domain]
    return max((*numbers, *domain.special), key=lambda number: effect.merit(number, domain))


def _nearly(effect: Effect, domain: Domain, generator: np.random.Generator) -> Value:
    if isinstance(domain, Choice):
        return _best_value(effect, domain)
    return _at(effect.centre + 0.1 * float(generator.standard_normal()), domain)
