"""Picks and configs before a target exists: each fault is named with its field, and all come at once."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import Catalog, breach, config_faults, load, pick_faults
from kerntune.catalog.check import cut, narrowed
from kerntune.model.knob import Choice, Constraint, Range, Value
from kerntune.model.plan import Pick

CATALOG = load()
NEVER = [danger for danger in CATALOG.dangers if danger.policy == "never"]


def pick(
    knob: str, *, low: int | None = None, high: int | None = None, values: tuple[Value, ...] = ()
) -> Pick:
    return Pick(knob, "a reason", "a source", low=low, high=high, values=values)


def said(*picks: Pick, catalog: Catalog = CATALOG) -> list[tuple[str, str]]:
    """Returns the field and problem of each fault."""
    return [(fault.field, fault.problem) for fault in pick_faults(catalog, picks)]


def test_good_picks_have_no_faults() -> None:
    """Ranges, choices, vector members and per-device knobs are taken as they are."""
    assert not said(
        pick("net.ipv4.tcp_wmem:max", low=1 << 20, high=1 << 26),
        pick("net.ipv4.tcp_congestion_control", values=("bbr", "cubic")),
        pick("net.ipv4.tcp_notsent_lowat", low=16384, high=4294967295),
        pick("net.core.somaxconn", values=(4096, 65535)),
        pick("net.ipv4.neigh.eth0.unres_qlen_bytes"),
        pick("net.ipv4.neigh.{device}.gc_stale_time"),
        pick("block.{disk}.queue.read_ahead_kb", high=4096),
    )


@pytest.mark.parametrize("danger", NEVER, ids=lambda danger: danger.name)
def test_no_plan_gets_past_the_danger_list(danger) -> None:
    """Every name that is never written is refused with its reason, under its name and under its path."""
    if CATALOG.gone(danger.name):
        assert "left the kernel" in said(pick(danger.name))[0][1]
        return

    for spelling in (danger.name.replace("*", "eth0"), danger.path.replace("*", "x")):
        assert said(pick(spelling)) == [("knobs[0].knob", f"is never written: {danger.reason}")]


@pytest.mark.parametrize("gone", CATALOG.vanished, ids=lambda gone: gone.name)
def test_vanished_knobs_say_when_and_what_instead(gone) -> None:
    """The release and the replacement are in the fault."""
    ((_, problem),) = said(pick(gone.name.replace("*", "x")))

    assert gone.release in problem
    assert gone.instead in problem


def test_what_stands_in_place_of_a_vanished_knob_is_known_or_spelled_out() -> None:
    """A replacement of ours is in the catalogue or on the danger list as guarded."""
    for gone in CATALOG.vanished:
        words = [word.strip(",;:") for word in gone.instead.split()]
        for name in (word for word in words if word.startswith("net.") and "*" not in word):
            files = {knob.file for knob in CATALOG.knobs.values()}
            assert name in files or CATALOG.guard(name), f"{gone.name} points at {name}"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("net.core.somaxcon", "close to it: net.core.somaxconn"),
        ("net.ipv4.tcp_wmem", "net.ipv4.tcp_wmem:min, net.ipv4.tcp_wmem:default, net.ipv4.tcp_wmem:max"),
        ("/proc/sys/net/core/somaxconn", "write net.core.somaxconn"),
        ("net/core/somaxconn", "write net.core.somaxconn"),
        ("net.ipv4.neigh.default.gc_stale_time", "is not in the catalogue"),
        ("net.ipv4.tcp_available_congestion_control", "only read"),
        ("net.ipv4.ipfrag_low_thresh", "only read"),
        ("make it faster", "is not in the catalogue"),
        ("", "is not in the catalogue"),
    ],
)
def test_wrong_names_come_with_the_right_ones(name: str, part: str) -> None:
    """The fault says what was meant, as far as that can be told."""
    ((field, problem),) = said(pick(name))

    assert field == "knobs[0].knob"
    assert part in problem


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (pick("net.core.somaxconn", low=5000, high=3000), "knobs[0].low"),
        (pick("net.core.somaxconn", low=1), "knobs[0].low"),
        (pick("net.core.somaxconn", high=1 << 40), "knobs[0].high"),
        (pick("net.core.somaxconn", values=(4096, 1)), "knobs[0].values[1]"),
        (pick("net.core.somaxconn", values=("many",)), "knobs[0].values[0]"),
        (pick("net.core.somaxconn", values=(True,)), "knobs[0].values[0]"),
        (pick("net.core.somaxconn", low=4096, values=(4096,)), "knobs[0].values"),
        (pick("net.ipv4.tcp_ecn", low=0), "knobs[0].low"),
        (pick("net.ipv4.tcp_ecn", values=(0, 3)), "knobs[0].values[1]"),
        (pick("net.ipv4.tcp_ecn", values=(0, 0)), "knobs[0].values[1]"),
        (pick("net.ipv4.tcp_congestion_control", values=("warp",)), "knobs[0].values[0]"),
        (replace(pick("net.core.somaxconn"), low="4096", high="9999"), "knobs[0].low"),  # type: ignore[arg-type]
    ],
)
def test_wrong_bounds_name_their_field(wrong: Pick, field: str) -> None:
    """Inverted, outside, of the wrong type, twice, or of the wrong sort."""
    assert said(wrong)[0][0] == field


def test_a_knob_is_picked_once() -> None:
    """The second pick is the fault, and names the first."""
    twice = pick("net.core.somaxconn")

    assert said(twice, pick("net.ipv4.tcp_ecn"), twice) == [
        ("knobs[2].knob", "is picked twice: it is knobs[0] already")
    ]


def test_all_faults_come_at_once() -> None:
    """One look at a plan shows everything that is wrong with it."""
    fields = [
        field
        for field, _ in said(
            pick("net.ipv4.tcp_sack"),
            pick("no.such"),
            pick("net.ipv4.tcp_rmem:max", low=1, high=2),
            pick("no.such"),
        )
    ]

    assert fields == ["knobs[0].knob", "knobs[1].knob", "knobs[2].low", "knobs[2].high", "knobs[3].knob"]


def test_ranges_that_no_order_can_satisfy_are_a_fault() -> None:
    """The smallest default above the largest maximum leaves nothing to try."""
    ((field, problem),) = said(
        pick("net.ipv4.tcp_wmem:default", low=8 << 20, high=16 << 20),
        pick("net.ipv4.tcp_wmem:max", low=1 << 20, high=4 << 20),
    )

    assert field == "knobs[1].high"
    assert "net.ipv4.tcp_wmem:default" in problem


def test_knobs_that_exclude_each_other_are_not_picked_together() -> None:
    """Setting one of the two makes the other 0."""
    assert said(pick("vm.dirty_ratio"), pick("vm.swappiness"), pick("vm.dirty_bytes")) == [
        ("knobs[2].knob", "excludes vm.dirty_ratio: writing one makes the other 0")
    ]


def test_templates_and_their_devices_have_the_constraints_of_templates() -> None:
    """The order of two limits holds for a plan's templates, and for each device by name."""
    for device in ("{device}", "eth0"):
        limits = f"class.net.{device}.queues.tx-0.byte_queue_limits"
        ((field, problem),) = said(
            pick(f"{limits}.limit_min", low=500000), pick(f"{limits}.limit_max", high=400000)
        )

        assert field == "knobs[1].high"
        assert f"{limits}.limit_min" in problem


def test_a_config_is_checked_value_by_value_and_as_a_whole() -> None:
    """Names, types, domains, orders and requirements, each with its field."""
    config: dict[str, Value] = {
        "net.ipv4.tcp_rmem:default": 16 << 20,
        "net.ipv4.tcp_rmem:max": 4 << 20,
        "net.ipv4.tcp_ecn": "1",
        "net.ipv4.tcp_sack": 0,
        "net.core.somaxconn": 5,
        "net.core.optmem_max": 131072,
    }
    faults = config_faults(CATALOG, config, "hints[0].config")

    assert [fault.field for fault in faults] == [
        "hints[0].config.net.ipv4.tcp_ecn",
        "hints[0].config.net.ipv4.tcp_sack",
        "hints[0].config.net.core.somaxconn",
        "hints[0].config",
    ]
    assert "net.ipv4.tcp_rmem:default must not be above net.ipv4.tcp_rmem:max" in faults[-1].problem
    assert config_faults(CATALOG, {"net.ipv4.tcp_rmem:max": 8 << 20}, "x") == []


@pytest.mark.parametrize(
    ("kind", "values", "breaks"),
    [
        ("order", {"a": 1, "b": 1, "c": 2}, False),
        ("order", {"a": 3, "c": 2}, True),
        ("order", {"a": "x", "c": 2}, False),
        ("order", {"a": 3, "c": 0}, False),
        ("exclusive", {"a": 1}, False),
        ("exclusive", {"a": 1, "c": 1}, True),
        ("requires", {"a": 1, "b": 7}, False),
        ("requires", {"a": 1, "b": 8}, True),
        ("requires", {"b": 8}, False),
        ("couples", {"a": 3, "b": 1}, False),
        ("disturbs", {"a": 3, "b": 1}, False),
    ],
)
def test_a_constraint_is_broken_by_values_that_are_there(kind, values, breaks: bool) -> None:
    """Knobs without a value break nothing."""
    assert bool(breach(Constraint(kind, ("a", "b", "c"), "so", values=(7,)), values)) is breaks


RANGES = st.builds(
    lambda low, span, special: Range(low, low + span, special=tuple(sorted(special))),
    st.integers(0, 50),
    st.integers(1, 50),
    st.sets(st.integers(101, 120) | st.integers(-10, -1), max_size=2),
)


@settings(deadline=None)
@given(RANGES, st.integers(-20, 130), st.integers(-20, 130), st.integers(-20, 130))
def test_cutting_keeps_what_lies_between_and_the_special_values(
    domain: Range, low: int, high: int, value: int
) -> None:
    """A value is left if it was there and lies between the bounds, or is special."""
    left = cut(domain, low, high)

    assert (value in left) == (value in domain and (low <= value <= high or value in domain.special))


@settings(deadline=None)
@given(RANGES, st.data())
def test_bounds_of_a_plan_leave_what_lies_between_them(domain: Range, data: st.DataObject) -> None:
    """A plan's bounds decide about special values too."""
    inside = st.integers(domain.low, domain.high) | st.sampled_from((domain.low, *domain.special))
    low, high = sorted((data.draw(inside), data.draw(inside)))
    left = narrowed(domain, pick("x", low=low, high=high))

    for value in range(-20, 130):
        assert (value in left) == (value in domain and low <= value <= high)


@settings(deadline=None)
@given(RANGES, st.integers(-20, 130))
def test_a_choice_is_cut_like_a_range(domain: Range, bound: int) -> None:
    """Values below the floor go."""
    values = (domain.low, domain.high)

    assert cut(Choice(values), bound, None) == Choice(tuple(value for value in values if value >= bound))
