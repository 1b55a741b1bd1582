"""The kinds of knobs the hand can turn: one small class each, found by the catalogue's word for it."""

from collections.abc import Mapping
from typing import Protocol

from kerntune.hand.kinds.sysctl import Sysctl
from kerntune.hand.kinds.sysfs import Sysfs
from kerntune.model.knob import Knob

Words = tuple[str, ...]
"""What a knob's file holds, in its order: one word, or one for each member of a vector."""


class Kind(Protocol):
    """How knobs of one kind are read and written. Both raise OSError as the kernel gave it."""

    def read(self, knob: Knob) -> Words:
        """Returns the words the knob's file holds now."""

    def write(self, knob: Knob, words: Words) -> None:
        """Hands the words of the whole file to the kernel at once."""

    def check_writable(self, knob: Knob) -> None:
        """Raises OSError if the file cannot be opened for writing; writes nothing."""


Kinds = Mapping[str, Kind]
"""The kinds by the catalogue's word for them."""


def kinds() -> Kinds:
    """Returns every kind this hand can turn."""
    return {"sysctl": Sysctl(), "sysfs": Sysfs()}
