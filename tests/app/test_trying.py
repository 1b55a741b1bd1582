"""Trying a workload: the spread of its figures, without a knob written."""

from pathlib import Path

import pytest

from kerntune.app import Settings, spreads, tried
from kerntune.app.trying import Tried
from kerntune.cli.workloads import options
from kerntune.errors import InputError, RunFailed
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction


def runs(*values: float) -> list[Tried]:
    return [Tried((Metric("speed", value, "1/s", Direction.MAXIMIZE),), 1.0) for value in values]


def test_the_spread_is_robust():
    """One wild run among eight does not make a workload noisy; its reach is told all the same."""
    (spread,) = spreads(runs(100, 101, 99, 100, 102, 98, 100, 10))

    assert spread.median == 100
    assert spread.noise < 0.02
    assert (spread.lowest, spread.highest, spread.runs) == (10, 102, 8)


def test_a_command_is_tried_on_this_machine_without_rights(tmp_path: Path):
    """The warm-up is not among the runs; no hand is started, so there is no journal."""
    told = {"command": "echo speed: 5", "metrics": [{"name": "speed", "direction": "maximize"}]}
    here = Settings(tmp_path / "state", machine_dir=tmp_path / "machine")

    found = list(tried("command", told, here, target="host", runs=2))

    assert [run.metrics[0].value for run in found] == [5.0, 5.0]
    assert not here.machine_dir.exists()


def test_a_workload_that_fails_says_so(tmp_path: Path):
    """No number is made of it."""
    told = {"command": "exit 3", "metrics": [{"name": "speed", "direction": "maximize"}]}

    with pytest.raises(RunFailed, match="status 3"):
        list(tried("command", told, Settings(tmp_path, machine_dir=tmp_path), target="host", runs=2))


def test_options_are_words_numbers_or_lists():
    """As JSON where it is JSON, else as text."""
    assert options(["mode=read-only", "scale=5", "fast=true"]) == {
        "mode": "read-only",
        "scale": 5,
        "fast": True,
    }
    with pytest.raises(InputError, match="NAME=VALUE"):
        options(["scale"])
    assert options(["deep=" + "[" * 100_000])["deep"].startswith("[[")
