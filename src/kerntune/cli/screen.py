"""The screen of a running study: live on a terminal, plain lines when piped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kerntune.cli.shown import say_lines
from kerntune.model.plan import Plan
from kerntune.model.trial import Event, PairDone, Stage, TrialDone
from kerntune.model.verdict import Verdict
from kerntune.report import text


class Status:
    """The line at the bottom: stage, trial, best so far with its interval, time left."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began = time.monotonic()
        self._stage: Stage | None = None
        self._number = 0
        self._pairs = 0
        self._best: Verdict | None = None

    def take(self, event: Event) -> None:
        """Moves the line on by one event."""
        match event:
            case PairDone(number, comparison, _, _):
                self._pairs = self._pairs + 1 if number == self._number else 1
                self._stage, self._number = comparison.stage, number
            case TrialDone(trial):
                self._stage, self._number, self._pairs = trial.comparison.stage, trial.number, 0
                verdict = trial.verdict
                searching = trial.comparison.stage in {Stage.SEARCH, Stage.CONFIRM}
                if searching and verdict and (self._best is None or verdict.gain > self._best.gain):
                    self._best = verdict
            case _:
                pass

    def __rich__(self) -> Text:
        """Returns the line as it is now; called again and again by the live display."""
        left = max(0.0, self._plan.budget.time_s - (time.monotonic() - self._began))
        best = text.interval(self._best) if self._best else "none yet"
        stage = self._stage or "starting"
        parts = [f"{stage}", f"trial {self._number}", f"pair {self._pairs + 1}", f"best so far {best}"]
        clock = f"at most {int(left // 60)}:{int(left % 60):02d} left"
        return Text(" · ".join([*parts, clock]), style="dim", no_wrap=True, overflow="ellipsis")


class Screen:
    """Shows a study's events as they come."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status

    def show(self, event: Event) -> None:
        """Shows one event."""
        self._status.take(event)
        line = text.event_line(event)
        if line is not None:
            say_lines([line], self._console, indent=15)


@contextmanager
def screen(console: Console, plan: Plan) -> Iterator[Screen]:
    """Opens the screen of a study; on a terminal a status line stays at the bottom until it is closed."""
    status = Status(plan)
    if not console.is_terminal:
        yield Screen(console, status)
        return
    with Live(status, console=console, refresh_per_second=2, transient=True):
        yield Screen(console, status)
