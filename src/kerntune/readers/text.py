"""Readers of plain text: `name: value` lines, a user's regular expression, a path into a JSON document."""

import json
import re
from collections.abc import Callable, Iterator, Sequence

from kerntune.errors import MetricError

Matches = Sequence[str]
"""Everything found at one place, as it stands in the output: the caller decides whether it is one number."""

Reader = Callable[[str, str], Matches]
"""Takes what a program printed and where to look, returns every match. Raises MetricError, nothing else."""

_STEP = re.compile(r"\[(-?\d{1,9})\]|(?:^|\.)([^.\[\]]+)")


def lines(text: str, label: str) -> Matches:
    """Returns the values of all lines `label: value`, the label spelt exactly so."""
    found = []
    for line in text.splitlines():
        bare = line.strip()
        before, colon, value = bare.removeprefix(label).partition(":")
        if bare.startswith(label) and colon and not before.strip():
            found.append(value.strip())
    return found


def regex(text: str, pattern: str) -> Matches:
    """Returns what the pattern's one group matched; `^` and `$` match at every line.

    Raises:
        MetricError: the pattern is not a regular expression with exactly one group.
    """
    problem = regex_problem(pattern)
    if problem:
        msg = f"the pattern {pattern!r} {problem}"
        raise MetricError(msg)
    return [found[1] for found in re.finditer(pattern, text, re.MULTILINE) if found[1] is not None]


def regex_problem(pattern: str) -> str:
    """Returns what is wrong with a pattern, or nothing."""
    try:
        groups = re.compile(pattern, re.MULTILINE).groups
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a regular expression: {error}"
    return "" if groups == 1 else f"has {groups} groups, not one: write (?:…) for the others"


def json_path(text: str, path: str) -> Matches:
    """Returns the number at a path such as `jobs[0].read.iops`; the text is one JSON document.

    A step is a key between dots or an index in brackets, negative from the end. A key that itself holds
    dots is found whole where it can be (`clat_ns.percentile.99.000000`).

    Raises:
        MetricError: the text is not one JSON document, or the path is none.
    """
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"the output is not one JSON document: {error}"
        raise MetricError(msg, hint="print nothing else on standard output") from error
    return at_path(document, path)


def at_path(document: object, path: str) -> Matches:
    """Returns the numbers at a path of a JSON document: one, or none where it leads nowhere.

    Raises:
        MetricError: the path is none.
    """
    if path_problem(path):
        msg = f"the path {path!r} {path_problem(path)}"
        raise MetricError(msg)
    return [_shown(leaf) for leaf in _leaves(document, path)]


def path_problem(path: str) -> str:
    """Returns what is wrong with a path, or nothing."""
    if path.startswith("."):
        return "begins with a dot"
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None or (position and step[0][0] not in ".["):
            return "is not like jobs[0].read.iops"
        position = step.end()
    return "" if path else "is empty"


def _leaves(node: object, path: str) -> Iterator[object]:
    """Yields what lies at a path. The longest key goes first, so that keys may hold dots."""
    if not path:
        yield node
    elif path.startswith("["):
        index, _, rest = path[1:].partition("]")
        if isinstance(node, list) and -len(node) <= int(index) < len(node):
            yield from _leaves(node[int(index)], rest.removeprefix("."))
    elif isinstance(node, dict):
        for end in reversed([found.start() for found in re.finditer(r"[.\[]|$", path)]):
            if path[:end] in node:
                yield from _leaves(node[path[:end]], path[end:].removeprefix("."))
                return


def _shown(leaf: object) -> str:
    """Returns a leaf as text; what is no number keeps a shape that is none."""
    if isinstance(leaf, bool) or not isinstance(leaf, int | float | str):
        return json.dumps(leaf)[:60] if leaf is not None else "null"
    try:
        return str(leaf)
    except ValueError:  # an integer of more than 4,300 digits
        return "inf"
