"""The draft of a plan: what could be read of a file of whatever format, its faults, and its own words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kerntune.errors import Fault
from kerntune.model.plan import Plan

ITEM = re.compile(r"\b(knobs|hints|guards|also|state)\[(\d+)\]")
"""An item of one of a plan's lists, as faults name it."""

Words = Sequence[tuple[str, str]]
"""Regular expressions with what stands in their place."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that is still to be checked, and what to tell of the file that it was read from.

    `names` says what the items of the plan's lists are called in the file. `words` turn a plan's other fields
    into the file's, `phrases` what a problem says about them.
    """

    plan: Plan
    names: Mapping[str, Sequence[str]]
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    words: Words = ()
    phrases: Words = ()

    def named(self, fault: Fault) -> Fault | None:
        """Returns a fault of the plan in the words of the file; None of what stands in for a faulty part."""
        try:
            field, problem = self._in_file(fault.field), self._in_file(fault.problem)
        except IndexError:
            return None
        for pattern, theirs in self.words:
            field = re.sub(pattern, theirs, field)
        for pattern, theirs in self.phrases:
            problem = re.sub(pattern, theirs, problem)
        covered = any(field.startswith((f"{other.field}.", f"{other.field}[")) for other in self.faults)
        return None if covered else replace(fault, field=field, problem=problem)

    def _in_file(self, text: str) -> str:
        return ITEM.sub(lambda item: self.names[item[1]][int(item[2])], text)
