"""What is applied now, in sandboxes and on the machine itself, and taking it back."""

from collections.abc import Sequence

from kerntune.app.settings import Settings
from kerntune.hand import recovery
from kerntune.hand.recovery import Applied, Recovered


def applied_now(here: Settings) -> Sequence[Applied]:
    """Returns what the journals of our sandboxes and of the machine say is applied now."""
    return (*recovery.status(here.journal_dir), *recovery.status(here.machine_journal_dir))


def taken_back(here: Settings) -> Sequence[Recovered]:
    """Takes back whatever is applied, also what a crash left behind.

    Raises:
        HandError: a living hand is not ours to stop, or did not go.
    """
    return (*recovery.undo(here.journal_dir), *recovery.undo(here.machine_journal_dir))
