"""The Gaussian process says what it lacks; `auto` does without it and says so."""

from importlib.util import find_spec

import pytest

from kerntune.encoding import Axis, Cube, Task
from kerntune.errors import InputError
from kerntune.optimizers.auto import Auto
from kerntune.optimizers.gp import Gp, missing
from kerntune.optimizers.tpe import Tpe

LINE = Cube((Axis(),))
lacks_torch = find_spec("torch") is None or find_spec("scipy") is None


@pytest.mark.skipif(not lacks_torch, reason="torch and scipy are installed here")
def test_without_torch_gp_names_what_is_missing_and_how_to_get_it():
    """The optional extra is asked for by name."""
    with pytest.raises(InputError, match=r"optimizer gp needs .*not installed") as caught:
        Gp(Task(LINE))

    assert 'pip install "kerntune[gp]"' in caught.value.hint


@pytest.mark.skipif(not lacks_torch, reason="torch and scipy are installed here")
def test_without_torch_auto_is_tpe():
    """It asks what `tpe` asks, and the note for the user says why."""
    auto, tpe = Auto(Task(LINE, seed=4)), Tpe(Task(LINE, seed=4))

    assert auto.chosen == "tpe"
    assert auto.note == f"optimizer auto chose tpe: {' and '.join(missing())} not installed"
    assert [auto.ask() for _ in range(3)] == [tpe.ask() for _ in range(3)]


@pytest.mark.skipif(lacks_torch, reason="torch and scipy are not installed (optional extra gp)")
def test_with_torch_auto_is_gp():
    """The optional extra is used as soon as it is there."""
    auto = Auto(Task(LINE, seed=4))

    assert auto.chosen == "gp"
    assert "installed" in auto.note
