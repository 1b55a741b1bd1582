"""Configs become points and come back; no point leaves the domain or breaks an order."""

import math
from itertools import pairwise, product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kerntune.encoding import CELLS, Axis, Cube, Encoding
from kerntune.errors import InputError, KerntuneBug
from kerntune.model.knob import Choice, Constraint, Domain, Knob, Range, Risk, Rollback, Scope, Value
from kerntune.model.space import Dimension, Space


def knob(name: str, domain: Domain) -> Knob:
    return Knob(
        name=name,
        kind="sysctl",
        path=f"/proc/sys/{name}",
        domain=domain,
        scope=Scope.NETNS,
        risk=Risk.R1,
        rollback=Rollback.EXACT,
        meaning="a knob",
        source="Documentation/",
        subsystem="net",
    )


def dimension(name: str, domain: Domain, present: Value) -> Dimension:
    return Dimension(knob(name, domain), domain, present)


def space_of(*dimensions: Dimension, order: tuple[str, ...] = (), **neighbours: int) -> Space:
    constraints = (Constraint("order", order, "they ascend"),) if order else ()
    return Space(dimensions, constraints, tuple(neighbours.items()))


LOG = Range(4096, 64 << 20, log=True)
VALUES = 1 << 40


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    low = draw(st.integers(-10, VALUES))
    high = low + draw(st.one_of(st.integers(0, 30), st.integers(0, VALUES)))
    special = draw(st.lists(st.integers(-3, 2 * VALUES), max_size=3, unique=True))
    return Range(low, high, log=draw(st.booleans()), special=tuple(special))


def choices() -> st.SearchStrategy[Choice]:
    words = st.lists(st.sampled_from(["bbr", "cubic", "reno", "dctcp"]), min_size=1, unique=True)
    numbers = st.lists(st.integers(-5, 500), min_size=1, max_size=20, unique=True)
    return st.one_of(words, numbers).map(lambda values: Choice(tuple(values)))


def inside(domain: Domain) -> st.SearchStrategy[Value]:
    match domain:
        case Choice():
            return st.sampled_from(domain.values)
        case Range():
            numbers = st.integers(domain.low, domain.high)
            return st.one_of(numbers, st.sampled_from(domain.special)) if domain.special else numbers


coordinates = st.floats(0.0, 1.0)


@given(st.data(), st.one_of(ranges(), choices()))
def test_every_value_of_a_domain_comes_back(data, domain):
    """decode(encode(value)) is the value, for logs, long and short ranges, special values and words."""
    value = data.draw(inside(domain))
    encoding = Encoding(space_of(dimension("a", domain, value)))

    point = encoding.encode({"a": value})

    assert all(0.0 <= coordinate <= 1.0 for coordinate in point)
    assert encoding.decode(point) == {"a": value}


@given(st.one_of(ranges(), choices()), coordinates)
def test_every_point_is_in_the_domain(domain, coordinate):
    """No coordinate of the unit interval gives a value that the domain does not hold."""
    encoding = Encoding(space_of(dimension("a", domain, 0)))

    assert encoding.decode((coordinate,))["a"] in domain


@given(ranges(), coordinates, coordinates)
def test_a_range_is_monotone(domain, one, other):
    """A higher coordinate never gives a lower value, if special values stand outside the range."""
    assume(all(value <= domain.low or value >= domain.high for value in domain.special))
    encoding = Encoding(space_of(dimension("a", domain, 0)))

    low, high = (encoding.decode((coordinate,))["a"] for coordinate in sorted((one, other)))

    assert low <= high


@pytest.mark.parametrize("log", [False, True])
def test_the_corners_are_the_ends_of_the_range(log):
    """The faces of the cube are the range's ends, on both scales."""
    encoding = Encoding(space_of(dimension("a", Range(4096, 1 << 26, log=log), 4096)))

    assert [encoding.decode((corner,))["a"] for corner in (0.0, 1.0)] == [4096, 1 << 26]


def test_the_ends_of_a_range_are_no_rarer_than_the_rest():
    """Each of a hundred values owns a hundredth of the axis, the first and last too."""
    encoding = Encoding(space_of(dimension("a", Range(0, 99), 0)))

    assert [encoding.decode((at,))["a"] for at in (0.009, 0.011, 0.989, 0.991)] == [0, 1, 98, 99]


def test_a_log_axis_gives_each_doubling_the_same_room():
    """On a log scale the middle of the axis is the geometric mean."""
    encoding = Encoding(space_of(dimension("a", Range(4096, 1 << 26, log=True), 4096)))

    assert encoding.decode((0.5,))["a"] == pytest.approx(math.sqrt(4096 * (1 << 26)), rel=1e-3)


def test_a_log_range_may_begin_at_zero():
    """Log of zero is avoided: zero is a value like any other, and small ones get more room."""
    encoding = Encoding(space_of(dimension("a", Range(0, 1_000_000, log=True), 0)))

    assert encoding.decode((0.0,)) == {"a": 0}
    assert 500 < encoding.decode((0.5,))["a"] < 2000


def test_special_values_own_a_slice_at_their_end():
    """A value below the range stands in the lowest tenth, one above it in the highest."""
    encoding = Encoding(space_of(dimension("a", Range(100, 10_000, special=(-1, 50_000)), 100)))

    values = [encoding.decode((at,))["a"] for at in (0.0, 0.099, 0.11, 0.89, 0.901, 1.0)]

    assert values[:2] == [-1, -1]
    assert 100 < values[2] < values[3] < 10_000
    assert values[4:] == [50_000, 50_000]


def test_short_ranges_and_words_become_cells():
    """A few values are equal cells; the cells of words have no order; longer ranges are lines."""
    short, words = Range(0, CELLS - 2, special=(-1,)), Choice(("cubic", "bbr", "reno"))
    encoding = Encoding(
        space_of(dimension("short", short, 0), dimension("words", words, "bbr"), dimension("long", LOG, 4096))
    )

    assert encoding.cube == Cube((Axis(CELLS), Axis(3, ordered=False), Axis()))
    assert [encoding.decode((0.0, at, 0.0))["words"] for at in (0.3, 0.34, 0.99)] == ["cubic", "bbr", "reno"]


@pytest.mark.parametrize(
    ("domain", "present", "nearest"),
    [
        (Range(100, 5000), 7000, 5000),
        (Range(100, 5000, special=(0,)), 20, 0),
        (Range(1, 5), 9, 5),
        (Choice((1, 4, 9)), 6, 4),
        (Choice(("bbr", "cubic")), "reno", "bbr"),
    ],
)
def test_a_present_value_outside_a_narrowed_domain_stands_at_the_nearest_one(domain, present, nearest):
    """The plan may exclude what is set now; its point is the nearest value inside, or the first word."""
    encoding = Encoding(space_of(dimension("a", domain, present)))

    assert encoding.decode(encoding.encode({})) == {"a": nearest}


def test_knobs_a_hint_does_not_name_stay_as_they_are():
    """Encoding part of a config fills the rest with present values."""
    encoding = Encoding(space_of(dimension("a", LOG, 8192), dimension("b", Range(0, 1), 1)))

    assert encoding.decode(encoding.encode({"a": 1 << 20})) == {"a": 1 << 20, "b": 1}


def test_a_knob_that_is_not_in_the_space_is_refused():
    """A hint about a foreign knob is an error that names it, never silently dropped."""
    encoding = Encoding(space_of(dimension("a", LOG, 8192)))

    with pytest.raises(InputError, match="cannot place b") as caught:
        encoding.encode({"b": 1})
    assert "a" in caught.value.hint


@pytest.mark.parametrize("point", [(), (0.5, 0.5), (math.nan,)])
def test_what_is_not_a_point_of_the_cube_is_a_bug(point):
    """Too few or many coordinates, or a NaN, are never decoded to something."""
    encoding = Encoding(space_of(dimension("a", LOG, 8192)))

    with pytest.raises(KerntuneBug, match="not a point"):
        encoding.decode(point)


MEMBERS = ("min", "default", "max")


def vector(*domains: Domain, **neighbours: int) -> Encoding:
    dimensions = [
        dimension(name, domain, 4096) for name, domain in zip(MEMBERS[: len(domains)], domains, strict=True)
    ]
    return Encoding(space_of(*dimensions, order=MEMBERS, **neighbours))


@given(st.data(), st.tuples(ranges(), ranges(), ranges()))
def test_no_point_breaks_an_order(data, domains):
    """Whatever the point and the domains: in the domains, and min is below default is below max."""
    try:
        encoding = vector(*domains)
    except InputError:
        assume(False)

    config = encoding.decode(data.draw(st.tuples(coordinates, coordinates, coordinates)))

    assert all(config[name] in domain for name, domain in zip(MEMBERS, domains, strict=True))
    assert config["min"] <= config["default"] <= config["max"]


numbers = st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True)


@given(numbers, numbers, numbers, st.booleans())
def test_only_the_impossible_is_refused(first, second, third, fixed):
    """A space is refused exactly when trying every combination of its values finds no ordered one."""
    choices = [first, second, third[:1] if fixed else third]
    possible = any(list(values) == sorted(values) for values in product(*choices))
    domains = [Choice(tuple(values)) for values in choices]

    try:
        vector(*domains[:2], max=third[0]) if fixed else vector(*domains)
    except InputError:
        assert not possible
    else:
        assert possible


@given(st.lists(st.integers(LOG.low, LOG.high), min_size=3, max_size=3).map(sorted))
def test_a_config_that_keeps_the_order_is_not_touched(values):
    """Repair is the identity on what needs none."""
    encoding = vector(LOG, LOG, LOG)
    config = dict(zip(MEMBERS, values, strict=True))

    assert encoding.decode(encoding.encode(config)) == config


@given(st.tuples(coordinates, coordinates), st.integers(4096, 1 << 20), st.integers(0, 1), coordinates)
def test_repair_is_monotone(point, floor, axis, other):
    """Raising one coordinate never lowers any value, repaired ones included."""
    encoding = vector(LOG, LOG, max=floor << 5)
    points = sorted(
        tuple(value if index == axis else point[index] for index in range(2))
        for value in (point[axis], other)
    )

    before, after = (encoding.decode(known) for known in points)

    assert all(before[name] <= after[name] for name in before)


@given(coordinates)
def test_fixed_neighbours_bound_the_knob_between_them(coordinate):
    """A member that is tuned alone stays between the members that are not."""
    encoding = Encoding(space_of(dimension("default", LOG, 8192), order=MEMBERS, min=5000, max=6000))

    assert 5000 <= encoding.decode((coordinate,))["default"] <= 6000


def test_domains_without_any_ordered_config_are_refused():
    """When the fixed maximum is below the whole range, the error names the knob and says so."""
    with pytest.raises(InputError, match=r"default \(4096 to 67108864\)") as caught:
        Encoding(space_of(dimension("default", LOG, 8192), order=MEMBERS, max=1000))
    assert "widen" in caught.value.hint


def test_a_neighbours_own_disorder_does_not_stop_the_rest():
    """Members that are not searched may already be out of order; the searched one goes above them all."""
    encoding = Encoding(space_of(dimension("max", LOG, 8192), order=MEMBERS, min=9000, default=5000))

    assert encoding.decode((0.0,)) == {"max": 9000}


def test_orders_that_run_in_a_circle_are_a_bug_of_the_catalogue():
    """A circle of order constraints cannot be repaired and is not a user's fault."""
    dimensions = (dimension("a", LOG, 8192), dimension("b", LOG, 8192))
    orders = tuple(Constraint("order", pair, "circle") for pair in (("a", "b"), ("b", "a")))

    with pytest.raises(KerntuneBug, match="circle"):
        Encoding(Space(dimensions, orders))


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=2, max_size=3, unique=True).map(sorted), max_size=3)
)
def test_several_orders_hold_at_once(chains):
    """Thresholds that stand in more than one constraint keep all of them."""
    dimensions = tuple(dimension(name, LOG, 8192) for name in "dcba")
    encoding = Encoding(Space(dimensions, tuple(Constraint("order", tuple(chain), "") for chain in chains)))

    config = encoding.decode((0.1, 0.4, 0.2, 0.9))

    assert all(config[low] <= config[high] for chain in chains for low, high in pairwise(chain))
