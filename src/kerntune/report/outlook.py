"""What a study is about to do to a machine, knob by knob, in words."""

from collections.abc import Iterator, Mapping, Sequence

from kerntune.model.knob import Config, Domain
from kerntune.model.space import Space
from kerntune.report.text import assignments


def knob_lines(space: Space, owners: Mapping[str, str], moved: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yields each knob with its present value and what may be tried; who else sets it is named.

    `owners` are by the knob's name, and so are those that the kernel moves with it.
    """
    width = max(len(dimension.knob.name) for dimension in space)
    for dimension in space:
        name = dimension.knob.name
        owner = f"; set by {owners[name]}" if name in owners else ""
        yield f"  {name:<{width}}  now {dimension.present}, to be tried: {_tried(dimension.domain)}{owner}"
        if others := moved.get(name):
            yield f"  {'':<{width}}  moves {', '.join(others)}, which go back with it"


def _tried(domain: Domain) -> str:
    return str(domain).removeprefix("one of ")


def dry_lines(space: Space, starts: Sequence[Config]) -> Iterator[str]:
    """Yields the configs that would be written first, as far as they are known before a search."""
    yield "would be written first, each for one run and then undone:"
    yield "  the present values beside themselves, to measure the noise"
    for config in starts:
        yield f"  {assignments(space.changed(config))}"
    yield "then what the optimizer asks for. Nothing was written."
