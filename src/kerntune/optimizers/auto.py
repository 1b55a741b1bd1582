"""Chooses the optimizer: a study that names none is searched by this one."""

from collections.abc import Sequence

from kerntune.encoding import Cube, Point
from kerntune.interfaces import Optimizer
from kerntune.optimizers.gp import Gp, missing
from kerntune.optimizers.tpe import Tpe


class Auto:
    """Asks the starting points, then `gp` where torch is installed, else `tpe`.

    `chosen` is the registered name of the one it asks, `note` says so and why, for the user.
    """

    def __init__(self, cube: Cube, start: Sequence[Sequence[float]] = (), seed: int = 0) -> None:
        absent = missing()
        self.chosen = "tpe" if absent else "gp"
        reason = f"{' and '.join(absent)} not installed" if absent else "torch and scipy are installed"
        self.note = f"optimizer auto chose {self.chosen}: {reason}"
        self._inner: Optimizer = Tpe(cube, start, seed) if absent else Gp(cube, start, seed)

    def ask(self) -> Point:
        """Returns the next starting point, then what the chosen optimizer asks."""
        return self._inner.ask()

    def tell(self, point: Sequence[float], score: float) -> None:
        """Hands a score to the chosen optimizer."""
        self._inner.tell(point, score)
