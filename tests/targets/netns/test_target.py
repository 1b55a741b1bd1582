"""What the target makes of readings, and of knobs that a sandbox cannot hold."""

from dataclasses import replace

import pytest

from kerntune.catalog import Catalog
from kerntune.errors import HandError
from kerntune.model.knob import Absence, AbsenceReason, Scope
from kerntune.targets.netns.options import Options
from kerntune.targets.netns.target import NetnsTarget, agreed

KNOB = "net.core.somaxconn"
GONE = Absence(AbsenceReason.BUILD, "not built in")


def test_hosts_that_agree_have_a_value() -> None:
    """The same value twice is the value."""
    assert agreed([7, 7]) == 7


def test_a_knob_that_one_host_lacks_is_absent() -> None:
    """The reason of the host that lacks it is given."""
    assert agreed([7, GONE]) == GONE
    assert agreed([GONE, 7]) == GONE


def test_a_knob_that_differs_has_no_value() -> None:
    """Two fresh hosts that differ are not one present value."""
    reading = agreed([7, 8])

    assert isinstance(reading, Absence)
    assert "7, 8" in reading.detail


@pytest.mark.root
def test_a_knob_of_the_whole_machine_is_out_of_reach(target: NetnsTarget, catalog: Catalog) -> None:
    """Were a knob the machine's, the sandbox would neither read nor turn it: root's hand could."""
    machine_wide = replace(catalog.knobs[KNOB], scope=Scope.GLOBAL)
    other = NetnsTarget(
        target._keeper, Options(emulator="forwarder"), replace(catalog, knobs={KNOB: machine_wide})
    )
    reading = other.read([KNOB])[KNOB]

    assert isinstance(reading, Absence)
    assert reading.reason is AbsenceReason.NAMESPACE
    with pytest.raises(HandError) as caught, other.applied({KNOB: 8192}):
        pass
    assert caught.value.kind == "absent"
