"""Finds plug-ins by their entry points: ours are registered exactly as an outsider's would be."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kerntune.errors import InputError


def plugins(kind: str) -> Mapping[str, EntryPoint]:
    """Returns the registered plug-ins of a kind ("workloads") by name, not yet imported."""
    return {point.name: point for point in entry_points(group=f"kerntune.{kind}")}


def plugin(kind: str, name: str) -> Any:
    """Imports and returns a registered plug-in.

    Raises:
        InputError: There is no plug-in of that name.
    """
    known = plugins(kind)
    if name not in known:
        msg = f"there is no {kind.removesuffix('s')} {name!r}"
        raise InputError(msg, hint=f"there are: {', '.join(sorted(known))}")
    return known[name].load()
