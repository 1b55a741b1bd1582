"""An Optuna study over a cube, driven by ask and tell only: what `tpe` and `gp` share.

Importing this imports Optuna (0.3 s): it is done when an optimizer is made, never earlier.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial

from kerntune.encoding import Axis, Cube, Point


class OptunaStudy:
    """Asks an Optuna sampler for points of a cube, and tells it scores, higher is better.

    A trial that was asked is dropped at once, and every score is entered as a trial of its own: so points
    may be told that were never asked, twice, later or not at all, and all are learnt from alike.
    Axes with one cell are not shown to Optuna.
    """

    def __init__(self, cube: Cube, sampler: BaseSampler) -> None:
        self._cube = cube
        self._axes = {f"x{index}": axis for index, axis in enumerate(cube.axes) if axis.levels != 1}
        self._distributions = {name: _distribution(axis) for name, axis in self._axes.items()}
        with _quiet():
            self._study = optuna.create_study(direction="maximize", sampler=sampler)

    def ask(self) -> Point:
        """Returns the sampler's next point."""
        with _quiet():
            trial = self._study.ask(self._distributions)
            self._study.tell(trial, state=TrialState.FAIL)
        point = [0.5] * len(self._cube)
        for name, value in trial.params.items():
            levels = self._axes[name].levels
            point[int(name[1:])] = value if levels is None else (value + 0.5) / levels
        return self._cube.snapped(point)

    def tell(self, point: Sequence[float], score: float) -> None:
        """Enters a point with its score."""
        inside = self._cube.snapped(point)
        params = {
            name: inside[int(name[1:])] if axis.levels is None else axis.cell(inside[int(name[1:])])
            for name, axis in self._axes.items()
        }
        with _quiet():
            self._study.add_trial(create_trial(params=params, distributions=self._distributions, value=score))


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.levels is None:
        return FloatDistribution(0.0, 1.0)
    if axis.ordered:
        return IntDistribution(0, axis.levels - 1)
    return CategoricalDistribution(tuple(range(axis.levels)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna from logging each step, and puts its level back: the logger belongs to the process."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
