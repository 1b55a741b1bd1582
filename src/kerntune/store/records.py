"""What the store knows of a run besides its trials: on what it was made, by whom, and how it stands."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from kerntune.host import HostFacts
from kerntune.interfaces import Link
from kerntune.model.knob import Config
from kerntune.model.plan import Plan
from kerntune.model.trial import Result

PROC = Path("/proc")
SILENCE_S = 3600.0
"""A run of which nothing was heard for so long, by an owner that cannot be seen from here, counts as dead."""


class RunState(StrEnum):
    """How a run stands. `died` is never stored: it is a running run whose owner is gone."""

    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Setup:
    """On what and by what a plan is carried out.

    `present` holds every knob's value on the target as the run began: its reference.
    """

    facts: HostFacts
    version: str
    link: Link | None = None
    present: Config | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that carries out a run; start time and boot tell it from a later one with its number."""

    pid: int
    started: int
    boot_id: str
    pid_namespace: str

    @classmethod
    def of(cls, pid: int | None = None, proc: Path = PROC) -> Self:
        """Returns the owner that a process is, this one if none is named; start 0 if there is no such one."""
        number = os.getpid() if pid is None else pid
        return cls(number, _started(number, proc), _boot_id(proc), _pid_namespace(proc))

    def is_alive(self, proc: Path = PROC) -> bool | None:
        """Returns whether the process still runs; None if it lives in another process namespace."""
        if self.boot_id != _boot_id(proc):
            return False
        if self.pid_namespace != _pid_namespace(proc):
            return None
        return self.started != 0 and _started(self.pid, proc) == self.started


@dataclass(frozen=True, slots=True)
class Run:
    """A study as it is stored, without its trials.

    Times are seconds since the epoch; `seen_at` is the last time something was stored. `resumed` counts how
    often it was taken up again. `trials` counts those that ended, `failures` those of them that failed.
    """

    run_id: str
    plan: Plan
    setup: Setup
    state: RunState
    owner: Owner
    began_at: float
    seen_at: float
    ended_at: float | None = None
    resumed: int = 0
    trials: int = 0
    failures: int = 0
    result: Result | None = None
    reason: str = ""


def present_state(state: RunState, owner: Owner, silent_s: float, proc: Path = PROC) -> RunState:
    """Returns the stored state, or `died` when a running run's owner is gone."""
    if state is not RunState.RUNNING:
        return state
    alive = owner.is_alive(proc)
    if alive is None:
        alive = silent_s < SILENCE_S
    return RunState.RUNNING if alive else RunState.DIED


def _started(pid: int, proc: Path) -> int:
    """Returns a process's start in clock ticks since boot (field 22 of proc_pid_stat(5)), 0 if it is gone.

    A zombie is gone: it holds no locks and writes nothing.
    """
    try:
        stat = (proc / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return 0
    after_name = stat.rpartition(")")[2].split()
    return 0 if after_name[0] in {"Z", "X"} else int(after_name[19])


def _boot_id(proc: Path) -> str:
    try:
        return (proc / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace(proc: Path) -> str:
    try:
        return str((proc / "self/ns/pid").readlink())
    except OSError:
        return ""
