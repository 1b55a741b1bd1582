"""Changes of files: what was there, what was written, and what the kernel does to a file by itself."""

from dataclasses import dataclass

from kerntune.hand.kinds import Words
from kerntune.hand.protocol import Outcome


@dataclass(frozen=True, slots=True)
class Change:
    """One write of one whole file: the words that were there and the words written.

    `knob` is a name of the catalogue that leads to the file. `effective` is what was read back after the
    write; None while the write is in flight, and for ever if the hand died then.

    `disturber` is the file whose change lets the kernel set this one anew, in either direction. `twin` is the
    file whose write zeroes this one, as this one's zeroes it. A file that is not `asked` for by the config is
    remembered for its disturber's sake and not written: `new` are its old words then.
    """

    transaction: int
    knob: str
    old: Words
    new: Words
    effective: Words | None = None
    disturber: str = ""
    twin: str = ""
    asked: bool = True

    @property
    def ours(self) -> Words:
        """Returns the words as we left them, as far as we know."""
        return self.new if self.effective is None else self.effective

    @property
    def file(self) -> str:
        """Returns the name of the file: the knob's without the vector member."""
        return self.knob.partition(":")[0]

    @property
    def is_real(self) -> bool:
        """Returns whether the file changes, or may: by our write or by the kernel."""
        return self.old != self.new or bool(self.disturber)


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the knobs that were to go back, and the changes the kernel would not take back."""

    outcomes: tuple[Outcome, ...]
    stuck: tuple[Change, ...]
