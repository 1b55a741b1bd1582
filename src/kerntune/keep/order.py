"""In which order knobs are written: parents first, so that nothing is reset after it was set. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from kerntune.catalog import Catalog, touching
from kerntune.model.knob import Config, Constraint


def ordered(config: Config, now: Config, catalog: Catalog) -> Config:
    """Returns a config in the order in which it is to be written; what nothing orders stays where it stands.

    A scheduler comes before its queue's settings, a governor before its tunables, what is required before
    what requires it. An upper limit that rises from its value `now` comes before the lower one, else after.
    """
    graph: dict[str, dict[str, None]] = {name: {} for name in config}
    for rule in touching(catalog.constraints, config):
        for first, then in _steps(rule, config, now):
            graph[then][first] = None
    try:
        return {name: config[name] for name in TopologicalSorter(graph).static_order()}
    except CycleError:  # the hand refuses such a config: there is no right order
        return config


def disturbed(names: Iterable[str], catalog: Catalog) -> Mapping[str, str]:
    """Returns the knobs that the kernel sets anew when one of these is written, each with that one."""
    own = tuple(names)
    rules = [rule for rule in touching(catalog.constraints, own) if rule.kind == "disturbs"]
    return {other: rule.knobs[0] for rule in rules if rule.knobs[0] in own for other in rule.knobs[1:]}


def _steps(rule: Constraint, config: Config, now: Config) -> Iterator[tuple[str, str]]:
    """Yields (knob written first, knob written then) among the knobs of a config."""
    given = [name for name in rule.knobs if name in config]
    if rule.kind == "disturbs" and given[0] == rule.knobs[0]:
        yield from ((given[0], other) for other in given[1:])
    elif rule.kind in ("order", "requires"):
        for low, high in pairwise(given):
            falls = rule.kind == "order" and _is_below(config[high], now.get(high))
            yield (low, high) if falls else (high, low)


def _is_below(value: object, now: object) -> bool:
    return isinstance(value, int) and isinstance(now, int) and value < now
