"""Tree-structured Parzen estimators by Optuna: robust, cheap, at home with categories."""

from collections.abc import Mapping, Sequence

from kerntune.encoding import Point, Task
from kerntune.interfaces import NOTHING
from kerntune.optimizers.starts import Starts, refuse_options

STARTUP = 6
"""Uniform points are drawn until so many are told, hints and all. 1, 6 and 10 differ by at most 3 % of the
headroom (docs/reference/optimizers.md)."""


class Tpe:
    """Asks Optuna's TPE sampler.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011; Watanabe,
    arXiv:2304.11127, describes Optuna's version.
    """

    def __init__(self, task: Task) -> None:
        refuse_options(task, "tpe")
        from optuna.samplers import TPESampler  # noqa: PLC0415 - 0.3 s, paid only by who searches

        from kerntune.optimizers.optuna_study import OptunaStudy  # noqa: PLC0415 - imports Optuna

        self._starts = Starts(task)
        self._study = OptunaStudy(task.cube, TPESampler(seed=task.seed, n_startup_trials=STARTUP))

    def ask(self) -> Point:
        """Returns the next starting point, then what the sampler suggests."""
        return self._starts.next() or self._study.ask()

    def tell(
        self,
        point: Sequence[float],
        score: float,
        telemetry: Mapping[str, float] = NOTHING,  # noqa: ARG002 - the seam's; it learns from scores alone
    ) -> None:
        """Takes the score of a point; every telling of the same point counts."""
        self._study.tell(point, score)
