"""The bridge to Optuna: silent, harmless to the process, and translating points faithfully."""

import logging
import subprocess
import sys

import optuna
from optuna.samplers import RandomSampler

from kerntune.encoding import Axis, Cube, Task
from kerntune.optimizers.optuna_study import OptunaStudy
from kerntune.optimizers.tpe import STARTUP, Tpe

CUBE = Cube((Axis(), Axis(4), Axis(1), Axis(3, ordered=False)))


class Heard(logging.Handler):
    """Keeps what was logged."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def test_a_told_point_stands_in_optuna_as_it_is():
    """Coordinates, cells of ranges and cells of words arrive as Optuna's own kinds; one-cell axes do not."""
    bridge = OptunaStudy(CUBE, RandomSampler(seed=1))

    bridge.tell((0.3, 0.6, 0.5, 0.9), 2.5)

    [trial] = bridge._study.trials
    assert trial.params == {"x0": 0.3, "x1": 2, "x3": 2}
    assert trial.value == 2.5
    assert isinstance(trial.distributions["x3"], optuna.distributions.CategoricalDistribution)


def test_only_what_was_told_counts():
    """An asked point that nobody tells leaves nothing behind that a sampler would look at."""
    bridge = OptunaStudy(CUBE, RandomSampler(seed=1))

    bridge.ask()

    assert [trial.state for trial in bridge._study.trials] == [optuna.trial.TrialState.FAIL]


def test_higher_scores_are_better():
    """The sampler crowds where scores are high."""
    tpe = Tpe(Task(Cube((Axis(),)), seed=1))
    for index in range(40):
        tpe.tell(((index + 0.5) / 40,), -abs(index / 40 - 0.8))

    asked = [tpe.ask()[0] for _ in range(10)]

    assert sorted(asked)[5] > 0.6


def test_the_model_takes_over_after_the_startup():
    """With enough points told, hints or others, TPE no longer draws uniformly from its first ask on."""
    asked = []
    for told in (STARTUP - 1, STARTUP):
        tpe = Tpe(Task(Cube((Axis(),)), seed=1))
        for index in range(told):
            tpe.tell((index / STARTUP,), 0.0 if index else 1.0)
        asked.append(tpe.ask())

    assert asked[0] != asked[1]


def test_optuna_stays_silent_and_its_logger_as_it_was():
    """Nothing is logged, and somebody else's level of Optuna's logger comes back."""
    logger, heard = logging.getLogger("optuna"), Heard()
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(heard)
    try:
        bridge = OptunaStudy(CUBE, RandomSampler(seed=1))
        bridge.tell(bridge.ask(), 1.0)
        assert logger.level == logging.DEBUG
    finally:
        logger.removeHandler(heard)
        logger.setLevel(before)

    assert heard.records == []


def test_loading_the_optimizers_does_not_import_their_libraries():
    """`kerntune --help` must not pay for Optuna: it is imported when an optimizer is made."""
    modules = ("auto", "cmaes", "gp", "grid", "random", "tpe")
    program = "import sys; " + "; ".join(f"import kerntune.optimizers.{name}" for name in modules)

    done = subprocess.run(
        [sys.executable, "-c", f"{program}; print({{'optuna', 'cmaes', 'torch'}} & sys.modules.keys())"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "set()"
