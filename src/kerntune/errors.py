"""The error tree: every error says what failed and why, and its hint says what to do next.

KerntuneError
├── InputError           wrong input: a goal, a plan file, an option       exit 2
│   ├── UnclearGoal      the sentence fits several plans; they are attached
│   └── PlanError        every fault of a plan, each with field and value
├── TargetError          the target cannot be made, or is broken           exit 3
│   └── HandError        a knob cannot be read, written or restored
├── WorkloadError        the workload cannot give numbers                  exit 4
│   ├── RunFailed        it exited non-zero, hung, or could not start
│   └── MetricError      a metric is missing, ambiguous or not finite
├── StoreError           the store is locked, corrupt, or the disk full    exit 5
└── KerntuneBug          kerntune contradicts itself                       exit 1
"""

from collections.abc import Sequence
from dataclasses import dataclass


class KerntuneError(Exception):
    """What failed, with the value, then why; `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(KerntuneError):
    """The user's input is wrong; nothing was started."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an input: the field, the value found there, and what is wrong with it."""

    field: str
    value: object
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem} (found {self.value!r})"


class PlanError(InputError):
    """All faults of a plan at once; `source` is its file name, or says who made it."""

    def __init__(self, source: str, faults: Sequence[Fault], *, hint: str = "") -> None:
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"{source}: {len(faults)} fault{'s' * (len(faults) != 1)}\n{lines}", hint=hint)
        self.source = source
        self.faults = tuple(faults)


class UnclearGoal(InputError):  # noqa: N818 - the seam's word; it is an answer as much as an error
    """The sentence fits several plans equally well; `choices` are (workload, why) to choose from."""

    def __init__(self, message: str, choices: Sequence[tuple[str, str]], *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.choices = tuple(choices)


class TargetError(KerntuneError):
    """The target cannot be made on this machine, or broke."""


class HandError(TargetError):
    """A knob could not be read, written or restored; `knob` names it and `kind` classifies why."""

    def __init__(self, message: str, *, knob: str = "", kind: str = "refused", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.knob = knob
        self.kind = kind


class WorkloadError(KerntuneError):
    """The workload cannot give numbers; `tail` is the end of what it printed."""

    def __init__(self, message: str, *, tail: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.tail = tail


class RunFailed(WorkloadError):  # noqa: N818 - reads as the fact it states
    """The run exited non-zero, hung, flooded its output, or could not start; `kind` says which."""

    def __init__(self, message: str, *, kind: str, tail: str = "", hint: str = "") -> None:
        super().__init__(message, tail=tail, hint=hint)
        self.kind = kind


class MetricError(WorkloadError):
    """A metric is missing, ambiguous, or not a finite number."""


class StoreError(KerntuneError):
    """The store is locked, corrupt, or the disk is full."""


class KerntuneBug(KerntuneError):  # noqa: N818 - not the user's error
    """kerntune contradicts itself: please report it."""
