"""Gaussian-process search by Optuna; needs torch and scipy, the optional extra `gp`."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from kerntune.encoding import Point, Task
from kerntune.errors import InputError
from kerntune.interfaces import NOTHING
from kerntune.optimizers.starts import Starts, refuse_options

STARTUP = 6
"""Uniform points are drawn until so many are told, hints and all."""


def missing() -> tuple[str, ...]:
    """Returns the packages that `gp` needs and this environment lacks; imports none of them."""
    return tuple(name for name in ("torch", "scipy") if find_spec(name) is None)


class Gp:
    """Asks Optuna's Gaussian-process sampler: a Matérn 5/2 kernel and the logarithm of expected improvement.

    Raises:
        InputError: torch or scipy is not installed.
    """

    def __init__(self, task: Task) -> None:
        refuse_options(task, "gp")
        if missing():
            msg = f"optimizer gp needs {' and '.join(missing())}, not installed here"
            raise InputError(msg, hint='pip install "kerntune[gp]", or use --optimizer tpe')
        from optuna.samplers import GPSampler  # noqa: PLC0415 - 0.3 s, paid only by who searches

        from kerntune.optimizers.optuna_study import OptunaStudy  # noqa: PLC0415 - imports Optuna

        self._starts = Starts(task)
        sampler = GPSampler(seed=task.seed, n_startup_trials=STARTUP, warn_independent_sampling=False)
        self._study = OptunaStudy(task.cube, sampler)

    def ask(self) -> Point:
        """Returns the next starting point, then what the sampler suggests."""
        return self._starts.next() or self._study.ask()

    def tell(
        self,
        point: Sequence[float],
        score: float,
        telemetry: Mapping[str, float] = NOTHING,  # noqa: ARG002 - the seam's; it learns from scores alone
    ) -> None:
        """Takes the score of a point; every telling of the same point counts, as noise."""
        self._study.tell(point, score)
