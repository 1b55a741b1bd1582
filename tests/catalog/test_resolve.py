"""Resolving: what a plan's picks come to on a target, and what is left out of it and why."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import Resolution, load, names_to_read, outside, resolve
from kerntune.errors import PlanError
from kerntune.model.knob import Absence, AbsenceReason, Choice, Constraint, Range, Reading, Value
from kerntune.model.plan import Pick

CATALOG = load()

READINGS: dict[str, Reading] = {
    "net.ipv4.tcp_rmem:min": 4096,
    "net.ipv4.tcp_rmem:default": 131072,
    "net.ipv4.tcp_rmem:max": 6291456,
    "net.ipv4.tcp_moderate_rcvbuf": 1,
    "net.ipv4.tcp_window_scaling": 1,
    "net.ipv4.tcp_timestamps": 1,
    "net.ipv4.tcp_tw_reuse": 2,
    "net.ipv4.tcp_tw_reuse_delay": 1000,
    "net.ipv4.tcp_max_tw_buckets": 131072,
    "net.ipv4.tcp_max_syn_backlog": 2048,
    "net.core.somaxconn": 4096,
    "net.ipv4.tcp_congestion_control": "cubic",
    "net.ipv4.tcp_available_congestion_control": "reno cubic bbr warp",
    "net.ipv4.tcp_allowed_congestion_control": "reno cubic",
    "net.ipv4.ipfrag_high_thresh": 4194304,
    "net.ipv4.ipfrag_low_thresh": 3145728,
    "net.ipv4.ip_local_port_range:low": 32768,
    "net.ipv4.ip_local_port_range:high": 60999,
}


def pick(
    knob: str, *, low: int | None = None, high: int | None = None, values: tuple[Value, ...] = ()
) -> Pick:
    return Pick(knob, "a reason", "a source", low=low, high=high, values=values)


def resolved(*picks: Pick, **readings: Reading) -> Resolution:
    """Resolves picks on the usual target, with some readings changed (dots written as two underscores)."""
    changed = {name.replace("__", "."): reading for name, reading in readings.items()}
    return resolve(CATALOG, picks, {**READINGS, **changed})


def domain_of(resolution: Resolution, name: str) -> object:
    return next(dimension.domain for dimension in resolution.space if dimension.knob.name == name)


def test_a_pick_becomes_a_dimension_with_its_present_value() -> None:
    """The plan's bounds narrow the catalogue's domain; the present value may lie outside."""
    resolution = resolved(pick("net.ipv4.tcp_rmem:max", low=16 << 20, high=64 << 20))
    (dimension,) = resolution.space

    assert dimension.domain == Range(16 << 20, 64 << 20, log=True)
    assert dimension.present == 6291456
    assert resolution.space.default == {"net.ipv4.tcp_rmem:max": 6291456}
    assert resolution.left_out == ()


def test_order_with_fixed_neighbours_narrows_the_range() -> None:
    """A default is not tried above the maximum that stays."""
    resolution = resolved(pick("net.ipv4.tcp_rmem:default"))

    assert domain_of(resolution, "net.ipv4.tcp_rmem:default") == Range(16384, 6291456, log=True)
    assert dict(resolution.space.neighbours) == {
        "net.ipv4.tcp_rmem:min": 4096,
        "net.ipv4.tcp_rmem:max": 6291456,
    }
    assert resolution.space.constraints[0].kind == "order"


def test_neighbours_that_are_searched_too_do_not_narrow() -> None:
    """The order between two searched knobs is kept config by config, not by cutting their ranges."""
    resolution = resolved(pick("net.ipv4.tcp_rmem:default"), pick("net.ipv4.tcp_rmem:max"))

    assert domain_of(resolution, "net.ipv4.tcp_rmem:default") == Range(16384, 16777216, log=True)
    assert dict(resolution.space.neighbours) == {"net.ipv4.tcp_rmem:min": 4096}


@pytest.mark.parametrize(
    ("name", "high"),
    [
        ("net.core.somaxconn", 65535),
        ("net.ipv4.tcp_max_tw_buckets", 2097152),
        ("net.ipv4.tcp_max_syn_backlog", 65536),
    ],
)
def test_the_present_value_is_the_floor_where_less_buys_speed_with_safety(name: str, high: int) -> None:
    """What the target has now is the least that is tried."""
    present = READINGS[name]

    assert domain_of(resolved(pick(name)), name) == Range(present, high, True, (), True)  # type: ignore[arg-type]


def test_values_of_a_plan_below_the_floor_are_cut_and_that_is_said() -> None:
    """A list of values meets the same floor as a range."""
    resolution = resolved(pick("net.core.somaxconn", values=(1024, 8192)))

    assert domain_of(resolution, "net.core.somaxconn") == Choice((8192,))
    assert resolution.notes == (
        "net.core.somaxconn: one of 8192 on this target, instead of one of 1024, 8192",
    )


def test_a_target_already_above_the_range_leaves_the_knob_out() -> None:
    """It is not lowered, and that is said."""
    resolution = resolved(
        pick("net.core.somaxconn"), pick("net.ipv4.tcp_rmem:max"), net__core__somaxconn=100000
    )

    ((name, absence),) = resolution.left_out
    assert (name, absence.reason) == ("net.core.somaxconn", AbsenceReason.INERT)
    assert "never set below" in absence.detail


def test_congestion_controls_are_those_the_target_offers() -> None:
    """Both lists bound the choice; words the catalogue does not know are not tried."""
    name = "net.ipv4.tcp_congestion_control"

    assert domain_of(resolved(pick(name)), name) == Choice(("cubic", "reno"))
    without = {key: value for key, value in READINGS.items() if "allowed" not in key}
    assert domain_of(resolve(CATALOG, [pick(name)], without), name) == Choice(("cubic", "bbr", "reno"))


def test_a_congestion_control_asked_for_and_not_offered_is_said() -> None:
    """Nothing that the plan asked for disappears silently."""
    resolution = resolved(pick("net.ipv4.tcp_congestion_control", values=("bbr", "reno")))

    assert resolution.notes == (
        "net.ipv4.tcp_congestion_control: one of reno on this target, instead of one of bbr, reno",
    )


def test_only_what_is_present_already_is_left_out() -> None:
    """A single value that is the present one is no choice; one that is not is worth a try."""
    both = pick("net.ipv4.tcp_moderate_rcvbuf"), pick("net.ipv4.tcp_rmem:max")

    assert [name for name, _ in resolved(*both).left_out] == ["net.ipv4.tcp_moderate_rcvbuf"]
    off = resolved(*both, net__ipv4__tcp_moderate_rcvbuf=0)
    assert domain_of(off, "net.ipv4.tcp_moderate_rcvbuf") == Choice((1,))
    assert off.left_out == ()


def test_a_knob_that_needs_another_which_is_off_is_left_out() -> None:
    """Turning it would change nothing; what depends on it goes too."""
    resolution = resolved(
        pick("net.ipv4.tcp_tw_reuse"), pick("net.core.somaxconn"), net__ipv4__tcp_timestamps=0
    )

    ((name, absence),) = resolution.left_out
    assert name == "net.ipv4.tcp_tw_reuse"
    assert absence.reason is AbsenceReason.INERT
    assert "net.ipv4.tcp_timestamps = 1 or 2" in absence.detail


def test_absent_knobs_are_left_out_with_their_reason() -> None:
    """What the target says of an absent knob is handed on."""
    why = Absence(AbsenceReason.VERSION, "since 6.14")
    resolution = resolved(
        pick("net.ipv4.tcp_tw_reuse_delay"), pick("net.core.somaxconn"), net__ipv4__tcp_tw_reuse_delay=why
    )

    assert resolution.left_out == (("net.ipv4.tcp_tw_reuse_delay", why),)
    assert [dimension.knob.name for dimension in resolution.space] == ["net.core.somaxconn"]


def test_a_reading_of_the_wrong_type_is_no_reading() -> None:
    """A text where a number belongs is not searched from."""
    resolution = resolved(
        pick("net.core.optmem_max"),
        pick("net.core.txrehash"),
        pick("net.core.somaxconn"),
        net__core__optmem_max="plenty",
    )

    assert [(name, absence.reason) for name, absence in resolution.left_out] == [
        ("net.core.optmem_max", AbsenceReason.UNKNOWN),
        ("net.core.txrehash", AbsenceReason.UNKNOWN),
    ]


def test_nothing_left_is_an_error_that_says_why_of_each() -> None:
    """A space without dimensions is no study."""
    why = Absence(AbsenceReason.VERSION, "since 6.14")
    with pytest.raises(PlanError) as caught:
        resolved(
            pick("net.ipv4.tcp_moderate_rcvbuf"),
            pick("net.ipv4.tcp_tw_reuse_delay"),
            net__ipv4__tcp_tw_reuse_delay=why,
        )

    assert [fault.field for fault in caught.value.faults] == ["knobs[0].knob", "knobs[1].knob"]
    assert caught.value.faults[1].problem == "since 6.14"


def test_knobs_of_the_whole_machine_are_tuned_on_the_host() -> None:
    """A database's plan in a sandbox: what to do is said once, whatever the knobs."""
    whole = Absence(AbsenceReason.NAMESPACE, "there is one for the whole machine")
    with pytest.raises(PlanError) as caught:
        resolved(pick("net.ipv4.tcp_tw_reuse_delay"), net__ipv4__tcp_tw_reuse_delay=whole)

    assert "--target host" in caught.value.hint


def test_no_limit_may_stay_whatever_the_bounds() -> None:
    """A hint that is about another knob leaves this one as it is."""
    name, no_limit = "net.ipv4.tcp_notsent_lowat", 4294967295
    cut = pick(name, low=16384, high=4194304)

    unlimited = domain_of(resolved(cut, net__ipv4__tcp_notsent_lowat=no_limit), name)
    limited = domain_of(resolved(cut, net__ipv4__tcp_notsent_lowat=65536), name)

    assert unlimited == Range(16384, 4194304, log=True, special=(no_limit,))
    assert limited == Range(16384, 4194304, log=True)


def test_no_picks_at_all_are_an_error() -> None:
    """A plan without knobs has nothing to study."""
    with pytest.raises(PlanError):
        resolved()


def test_faults_of_the_plan_come_before_the_target() -> None:
    """A danger, an unknown name and a wrong bound are raised together, readings or not."""
    with pytest.raises(PlanError) as caught:
        resolve(
            CATALOG,
            [pick("vm.drop_caches"), pick("no.such"), pick("net.ipv4.tcp_ecn", low=1)],
            {},
            source="p",
        )

    assert [fault.field for fault in caught.value.faults] == [
        "knobs[0].knob",
        "knobs[1].knob",
        "knobs[2].low",
    ]
    assert str(caught.value).startswith("p: 3 faults")


def test_what_must_be_read_is_known_beforehand() -> None:
    """Members of the file, partners of constraints, and lists that bound the choice."""
    names = names_to_read(CATALOG, [pick("net.ipv4.tcp_rmem:max"), pick("net.ipv4.tcp_congestion_control")])

    assert {
        "net.ipv4.tcp_rmem:min",
        "net.ipv4.tcp_moderate_rcvbuf",
        "net.ipv4.tcp_window_scaling",
        "net.ipv4.tcp_available_congestion_control",
        "net.ipv4.tcp_allowed_congestion_control",
    } <= set(names)
    assert all(CATALOG.find(name) for name in names)


def test_a_hint_is_checked_against_the_target() -> None:
    """Below the floor, out of order with a fixed neighbour, or not searched at all."""
    space = resolved(pick("net.core.somaxconn"), pick("net.ipv4.ip_local_port_range:low")).space

    assert outside(space, {"net.core.somaxconn": 4096, "net.ipv4.ip_local_port_range:low": 1024}, "h") == []
    faults = outside(space, {"net.core.somaxconn": 2048, "net.ipv4.tcp_ecn": 1}, "hints[0]")
    assert [fault.field for fault in faults] == ["hints[0].net.core.somaxconn", "hints[0].net.ipv4.tcp_ecn"]


def test_a_hint_must_keep_the_order_of_what_is_searched() -> None:
    """Each value may be fine and the whole still wrong."""
    space = resolved(pick("net.ipv4.tcp_rmem:default"), pick("net.ipv4.tcp_rmem:max")).space
    upside_down = {"net.ipv4.tcp_rmem:default": 16 << 20, "net.ipv4.tcp_rmem:max": 4 << 20}

    assert [fault.field for fault in outside(space, upside_down, "h")] == ["h"]
    assert outside(space, {**upside_down, "net.ipv4.tcp_rmem:max": 32 << 20}, "h") == []


def test_a_requirement_without_the_knob_that_requires_is_dropped() -> None:
    """What is left of it would say something else."""
    names = ("net.core.optmem_max", "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog")
    catalog = replace(CATALOG, constraints=(Constraint("requires", names, "so", values=(1,)),))

    assert resolve(catalog, [pick(name) for name in names[1:]], READINGS).space.constraints == ()


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 1 << 26), st.integers(1, 1 << 26), st.integers(1, 1 << 29)),
    st.sets(st.sampled_from(["min", "default", "max"]), min_size=1),
    st.data(),
)
def test_no_value_of_a_single_dimension_breaks_the_order_with_what_is_fixed(
    present: tuple[int, int, int], members: set[str], data: st.DataObject
) -> None:
    """Whatever the target has now: a searched member between fixed ones stays between them."""
    readings = dict(zip(("min", "default", "max"), sorted(present), strict=True))
    picks = [pick(f"net.ipv4.tcp_wmem:{member}") for member in sorted(members)]
    try:
        space = resolve(
            CATALOG, picks, {f"net.ipv4.tcp_wmem:{name}": value for name, value in readings.items()}
        ).space
    except PlanError:
        return  # the fixed members leave no room
    for dimension in space:
        if isinstance(dimension.domain, Range):
            value = data.draw(st.integers(dimension.domain.low, dimension.domain.high))
        else:
            value = int(data.draw(st.sampled_from(dimension.domain.values)))
        for name, fixed in space.neighbours:
            order = space.constraints[0].knobs
            ascending = order.index(name) < order.index(dimension.knob.name)
            assert int(fixed) <= value if ascending else value <= int(fixed)


HOST: dict[str, Reading] = {
    "vm.swappiness": 60,
    "vm.dirty_ratio": 20,
    "vm.dirty_bytes": 0,
    "vm.dirty_background_ratio": 10,
    "vm.dirty_background_bytes": 0,
    "mm.transparent_hugepage.enabled": "never",
    "mm.transparent_hugepage.khugepaged.pages_to_scan": 4096,
    "vm.min_free_kbytes": 67584,
    "block.vda.queue.scheduler": "mq-deadline",
    "block.vda.queue.scheduler.available": "none mq-deadline",
    "block.vda.queue.nr_requests": 256,
    "block.vda.queue.read_ahead_kb": 128,
}


def test_a_knob_that_does_nothing_on_this_host_is_left_out_with_the_reason() -> None:
    """Without swap swappiness is there, can be written, and changes nothing."""
    picks = [pick("vm.swappiness"), pick("vm.dirty_ratio")]
    resolution = resolve(CATALOG, picks, HOST, circumstances={"no swap": "there is no swap space"})

    ((name, absence),) = resolution.left_out
    assert (name, absence.reason) == ("vm.swappiness", AbsenceReason.INERT)
    assert absence.detail == "does nothing here: there is no swap space"
    assert resolve(CATALOG, picks, HOST, circumstances={"one CPU": "one"}).left_out == ()


def test_a_template_that_was_not_filled_in_is_a_fault() -> None:
    """It may stand in a plan; on a target it must have become its devices."""
    with pytest.raises(PlanError) as caught:
        resolve(CATALOG, [pick("block.{disk}.queue.read_ahead_kb")], HOST)

    (fault,) = caught.value.faults
    assert fault.field == "knobs[0].knob"
    assert "needs a disk in place of {disk}: block.vda.queue.read_ahead_kb" in fault.problem


def test_a_pair_that_excludes_itself_bounds_nothing_while_it_is_unset() -> None:
    """0 bytes says that the ratio rules; it is no limit that the background would have to stay below."""
    resolution = resolve(CATALOG, [pick("vm.dirty_background_bytes")], HOST)

    assert domain_of(resolution, "vm.dirty_background_bytes") == Range(16777216, 2147483648, log=True)
    assert resolution.space.neighbours == ()
    assert resolution.space.default == {"vm.dirty_background_bytes": 0}


def test_the_writers_limit_that_is_set_bounds_the_background() -> None:
    """The range ends where the other one stands."""
    readings = {**HOST, "vm.dirty_bytes": 268435456, "vm.dirty_ratio": 0}
    resolution = resolve(CATALOG, [pick("vm.dirty_background_bytes")], readings)

    assert domain_of(resolution, "vm.dirty_background_bytes") == Range(16777216, 268435456, log=True)


def test_schedulers_are_those_the_kernel_has_for_the_disk() -> None:
    """The list in the disk's own file bounds the choice."""
    names = names_to_read(CATALOG, [pick("block.vda.queue.scheduler")])
    resolution = resolve(CATALOG, [pick("block.vda.queue.scheduler")], HOST)

    assert {"block.vda.queue.scheduler.available", "block.vda.queue.nr_requests"} <= set(names)
    assert domain_of(resolution, "block.vda.queue.scheduler") == Choice(("none", "mq-deadline"))


def test_what_disturbs_goes_with_what_is_disturbed() -> None:
    """Both searched: the scheduler goes first, and the space says so. One of them alone: nothing to say."""
    both = [pick("block.vda.queue.nr_requests"), pick("block.vda.queue.scheduler")]
    (rule,) = resolve(CATALOG, both, HOST).space.constraints

    assert rule.kind == "disturbs"
    assert rule.knobs == ("block.vda.queue.scheduler", "block.vda.queue.nr_requests")
    assert resolve(CATALOG, both[:1], HOST).space.constraints == ()


def test_the_daemon_of_huge_pages_waits_for_huge_pages() -> None:
    """Its settings are left out while there are none, and kept when those are searched as well."""
    daemon = pick("mm.transparent_hugepage.khugepaged.pages_to_scan")
    others = [pick("vm.dirty_ratio"), pick("mm.transparent_hugepage.enabled")]

    ((name, absence),) = resolve(CATALOG, [daemon, others[0]], HOST).left_out
    assert name == daemon.knob
    assert "mm.transparent_hugepage.enabled = always or madvise" in absence.detail
    assert resolve(CATALOG, [daemon, *others], HOST).left_out == ()
