"""Chooses the optimizer: a study that names none is searched by this one."""

from collections.abc import Mapping, Sequence

from kerntune.encoding import Point, Task
from kerntune.interfaces import NOTHING, Optimizer
from kerntune.optimizers.gp import Gp, missing
from kerntune.optimizers.starts import refuse_options
from kerntune.optimizers.tpe import Tpe


class Auto:
    """Asks the starting points, then `gp` where torch is installed, else `tpe`.

    `chosen` is the registered name of the one it asks, `note` says so and why, for the user.
    """

    def __init__(self, task: Task) -> None:
        refuse_options(task, "auto")
        absent = missing()
        self.chosen = "tpe" if absent else "gp"
        reason = f"{' and '.join(absent)} not installed" if absent else "torch and scipy are installed"
        self.note = f"optimizer auto chose {self.chosen}: {reason}"
        self._inner: Optimizer = Tpe(task) if absent else Gp(task)

    def ask(self) -> Point:
        """Returns the next starting point, then what the chosen optimizer asks."""
        return self._inner.ask()

    def tell(self, point: Sequence[float], score: float, telemetry: Mapping[str, float] = NOTHING) -> None:
        """Hands a score to the chosen optimizer."""
        self._inner.tell(point, score, telemetry)
