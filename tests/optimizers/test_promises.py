"""Every registered optimizer keeps the promises of the conformance suite."""

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from kerntune.encoding import Axis, Cube, Task
from kerntune.errors import InputError
from kerntune.testing.optimizer import CHECKS

REGISTERED = sorted(entry_points(group="kerntune.optimizers"), key=lambda entry: entry.name)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", REGISTERED, ids=lambda entry: entry.name)
def test_a_registered_optimizer_keeps_the_promise(entry: EntryPoint, check):
    """Whatever is registered is checked; one that this machine cannot run says what it lacks."""
    factory = entry.load()
    try:
        factory(Task(Cube((Axis(),))))
    except InputError as error:
        pytest.skip(f"{error}: {error.hint}")

    check(factory)


def test_the_built_in_optimizers_are_registered():
    """The names that plans may use."""
    names = {entry.name for entry in REGISTERED}

    assert {"random", "grid", "tpe", "gp", "cmaes", "auto"} <= names


def test_every_registered_optimizer_is_in_the_reference():
    """The page that lists the optimizers lists them all."""
    page = (Path(__file__).parents[2] / "docs/reference/optimizers.md").read_text()

    assert [entry.name for entry in REGISTERED if f"| `{entry.name}` |" not in page] == []
