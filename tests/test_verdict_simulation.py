"""A small version of benchmarks/verdict_simulation.py: whole simulated studies of knobs that do nothing."""

import importlib.util
import sys
from pathlib import Path

import pytest

from kerntune.model.verdict import Outcome
from kerntune.testing.simulation import no_effect, steady

STUDIES = 30


@pytest.fixture(scope="module")
def simulation():
    """Returns the benchmark as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / "verdict_simulation.py"
    spec = importlib.util.spec_from_file_location("verdict_simulation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_at_most_one_study_in_twenty_claims_a_gain_that_is_not_there(simulation):
    """Search for the luckiest of twenty, confirm, minimize: over every noise of the benchmark."""
    found = [
        simulation.simulated_study(no_effect, disturbance, seed)
        for disturbance in simulation.DISTURBANCES.values()
        for seed in range(STUDIES)
    ]
    claims = sum(study.verdict.outcome is Outcome.BETTER for study in found)

    assert len(found) == STUDIES * 7
    assert claims / len(found) <= 0.05


def test_the_only_knob_that_matters_survives_a_whole_study(simulation):
    """A study that could not find anything would pass the test above."""
    found = [
        simulation.simulated_study(simulation.one_matters(0.10), steady(0.03), seed) for seed in range(15)
    ]

    assert all(study.verdict.outcome is Outcome.BETTER for study in found)
    assert all(study.config["simulated.3"] != 10 for study in found)


def test_the_benchmark_fails_when_a_requirement_does(simulation, capsys, monkeypatch):
    """It exits 0 now; were more power required than there can be, it would not."""
    monkeypatch.setattr(simulation, "DISTURBANCES", {"5 % noise": steady(0.05)})

    assert simulation.main(["--studies", "40"]) == 0
    monkeypatch.setattr(simulation, "LEAST_POWER", 1.01)
    assert simulation.main(["--studies", "40"]) == 1
    assert "A REQUIREMENT FAILED" in capsys.readouterr().out
