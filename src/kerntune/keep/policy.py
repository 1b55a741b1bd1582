"""When a config that was applied goes back."""

from enum import StrEnum


class Policy(StrEnum):
    """At the end of the block that applied it, or when the user says so.

    `AT_ONCE`: the hand undoes it, newest first; also when it is killed. `LEFT`: it stays, recorded in the
    ledger, until `kerntune undo`; neither guardian nor lease takes it back, a restart does unless files keep
    it. A study always tries its configs `AT_ONCE`; only what it ends with can be left.
    """

    AT_ONCE = "at-once"
    LEFT = "left"
