"""Drafting a transaction: what is checked, and in which order files are written."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerntune.errors import HandError
from kerntune.hand.draft import draft
from kerntune.hand.panel import Panel
from kerntune.model.knob import Constraint

LOW, HIGH = "net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_high_thresh"
BUCKETS = "net.ipv4.tcp_max_tw_buckets"
TTL, FIN = "net.ipv4.ip_default_ttl", "net.ipv4.tcp_fin_timeout"
SIZES = st.integers(0, 1 << 28)


def test_members_of_one_file_are_one_write(panel):
    """A vector is written whole, with the members of the config in their places."""
    config = {"net.ipv4.tcp_wmem:max": 9 << 20, "net.ipv4.tcp_wmem:min": 8192}

    (change,) = draft(config, panel, 1, {})

    assert change.new == ("8192", "16384", str(9 << 20))


@given(low=SIZES, high=SIZES, at=st.tuples(SIZES, SIZES).map(sorted), turned=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ordered_limits_are_never_the_wrong_way_round_in_between(panel, memory, low, high, at, turned):
    """From any valid pair to any other, every step on the way there and back is valid."""
    memory.files[LOW], memory.files[HIGH] = (str(at[0]),), (str(at[1]),)
    low, high = sorted((low, high))
    config = {HIGH: high, LOW: low} if turned else {LOW: low, HIGH: high}

    changes = draft(config, panel, 1, {})

    def now():
        return int(memory.files[LOW][0]), int(memory.files[HIGH][0])

    for words, order in (("new", changes), ("old", reversed(changes))):
        for change in order:
            memory.files[change.knob] = getattr(change, words)
            assert now()[0] <= now()[1]


def test_a_limit_is_checked_against_the_one_that_is_not_in_the_config(panel):
    """The partner's present value counts."""
    with pytest.raises(HandError, match="must not be above"):
        draft({LOW: 5 << 20}, panel, 1, {})


def test_a_disorder_that_was_there_before_is_not_the_configs_fault(panel, memory):
    """A study of another knob is not stopped by what an administrator left; writing it as it is, neither."""
    memory.files[LOW] = ("9999999",)

    assert draft({LOW: 9999999, TTL: 33}, panel, 1, {})


def test_a_floor_is_the_first_value_not_the_present_one(panel, memory):
    """Values that buy speed with safety never go below where the study began; special ones are allowed."""
    memory.files[BUCKETS] = ("8192",)

    assert draft({BUCKETS: 5000}, panel, 1, {BUCKETS: 4096})
    assert draft({BUCKETS: 0}, panel, 1, {})
    with pytest.raises(HandError, match="is below 8192"):
        draft({BUCKETS: 5000}, panel, 1, {})


def test_knobs_that_exclude_each_other_are_refused_together(catalog, memory):
    """At most one of them may be set, the one that is already set included."""
    rule = Constraint("exclusive", (TTL, FIN), "one zeroes the other")
    panel = Panel(replace(catalog, constraints=(rule,)), {"sysctl": memory})
    memory.files[FIN] = ("0",)

    assert draft({TTL: 33}, panel, 1, {})
    with pytest.raises(HandError, match="exclude each other"):
        draft({TTL: 33, FIN: 7}, panel, 1, {})


def test_a_knob_that_needs_another_is_written_after_it(catalog, memory):
    """Parent before child."""
    rule = Constraint("requires", (TTL, FIN), "acts only with it", (7,))
    panel = Panel(replace(catalog, constraints=(rule,)), {"sysctl": memory})

    assert [change.knob for change in draft({TTL: 33, FIN: 7}, panel, 1, {})] == [FIN, TTL]


def test_constraints_of_devices_hold_for_each_device(catalog, memory):
    """A rule on a template is a rule on every device of the config."""
    one = "net.ipv4.neigh.{device}.retrans_time_ms"
    rule = Constraint("order", (one, TTL), "made up")
    panel = Panel(replace(catalog, constraints=(rule,)), {"sysctl": memory})
    memory.files["net.ipv4.neigh.lo.retrans_time_ms"] = ("10",)

    with pytest.raises(HandError, match=r"neigh\.lo\.retrans_time_ms must not be above"):
        draft({"net.ipv4.neigh.lo.retrans_time_ms": 100}, panel, 1, {})


def test_contradicting_orders_are_refused(catalog, memory):
    """No order of writing can keep both rules."""
    rules = (Constraint("requires", (TTL, FIN), "-"), Constraint("requires", (FIN, TTL), "-"))
    panel = Panel(replace(catalog, constraints=rules), {"sysctl": memory})

    with pytest.raises(HandError, match="no order of writing"):
        draft({TTL: 33, FIN: 7}, panel, 1, {})


def test_a_file_of_another_shape_is_not_touched(panel, memory):
    """This kernel holds two words where the catalogue says one."""
    memory.files[TTL] = ("1", "2")

    with pytest.raises(HandError, match="2 words where 1 were expected"):
        draft({TTL: 33}, panel, 1, {})


def test_a_word_where_a_number_should_be_is_not_touched(panel, memory):
    """The same for another type."""
    memory.files[TTL] = ("max",)

    with pytest.raises(HandError, match="no number"):
        draft({TTL: 33}, panel, 1, {})
