"""Tree-structured Parzen estimators by Optuna: robust, cheap, at home with categories."""

from collections.abc import Sequence

from kerntune.encoding import Cube, Point
from kerntune.optimizers.starts import Starts

STARTUP = 6
"""Uniform points are drawn until so many are told, hints and all. 1, 6 and 10 differ by at most 3 % of the
headroom (docs/reference/optimizers.md)."""


class Tpe:
    """Asks Optuna's TPE sampler.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011; Watanabe,
    arXiv:2304.11127, describes Optuna's version.
    """

    def __init__(self, cube: Cube, start: Sequence[Sequence[float]] = (), seed: int = 0) -> None:
        from optuna.samplers import TPESampler  # noqa: PLC0415 - 0.3 s, paid only by who searches

        from kerntune.optimizers.optuna_study import OptunaStudy  # noqa: PLC0415 - imports Optuna

        self._starts = Starts(cube, start)
        self._study = OptunaStudy(cube, TPESampler(seed=seed, n_startup_trials=STARTUP))

    def ask(self) -> Point:
        """Returns the next starting point, then what the sampler suggests."""
        return self._starts.next() or self._study.ask()

    def tell(self, point: Sequence[float], score: float) -> None:
        """Takes the score of a point; every telling of the same point counts."""
        self._study.tell(point, score)
