"""Plug-ins: found by entry point, ours as an outsider's would be."""

import pytest

from kerntune.app.plugins import plugin, plugins
from kerntune.errors import InputError


@pytest.mark.parametrize("kind", ["targets", "planners", "optimizers", "workloads"])
def test_every_registered_plugin_can_be_imported(kind: str):
    """An entry point that leads nowhere is found here and not by a user."""
    assert plugins(kind)
    for name in plugins(kind):
        assert callable(plugin(kind, name))


def test_an_unknown_name_is_refused_with_those_that_exist():
    """The hint is the answer to the next question."""
    with pytest.raises(InputError, match="there is no optimizer 'bayes'") as caught:
        plugin("optimizers", "bayes")

    assert "tpe" in caught.value.hint
