from dataclasses import replace

import pytest

from kerntune.catalog import Catalog, load
from kerntune.errors import PlanError
from kerntune.planners import draft, numbers
from kerntune.planners.rulebook import Intent, Rulebook

MIB = 1 << 20
WMEM = "net.ipv4.tcp_wmem:max"
RMEM = "net.ipv4.tcp_rmem:max"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="module")
def intents() -> dict[str, Intent]:
    return dict(Rulebook.load().intents)


def test_a_hint_grows_with_the_link(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Twice rate times round trip, in whole MiB: 1 Gbit/s at 80 ms has 10 MB in flight."""
    usual = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", (), catalog)
    slow = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", numbers.read("100 Mbit/s"), catalog)

    assert usual.hints[0].config == {WMEM: 20 * MIB, RMEM: 39 * MIB}
    assert slow.hints[0].config == {WMEM: 2 * MIB, RMEM: 4 * MIB}


def test_a_hint_stays_within_its_pick(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Neither the longest link nor the shortest gives a starting point outside the pick's bounds."""
    for text in ("1 Gbit/s 600 ms round trip", "5 Mbit/s 1 ms round trip"):
        plan = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", numbers.read(text), catalog)
        bounds = {pick.knob: pick for pick in plan.picks}
        for hint in plan.hints:
            for knob, value in hint.config.items():
                low, high = bounds[knob].low, bounds[knob].high
                assert low is not None
                assert high is not None
                assert isinstance(value, int)
                assert low <= value <= high


def test_no_two_hints_are_the_same(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Where the link makes two starting points equal, one is left."""
    hint = intents["bulk_transfer"].hints[0]
    intent = intents["bulk_transfer"].model_copy(update={"hints": (hint, hint)})

    assert len(draft.plan("bulk_transfer", intent, "g", (), catalog).hints) == 1


@pytest.mark.parametrize(
    ("text", "options", "note"),
    [
        ("10 Gbit/s", {"rate_mbit": 1000.0, "rtt_ms": 80.0}, "planned at 1000 Mbit/s, not 10 Gbit/s"),
        ("500 Mbit/s", {"rate_mbit": 500.0, "rtt_ms": 80.0}, ""),
        ("3 s round trip", {"rate_mbit": 1000.0, "rtt_ms": 600.0}, "planned at 600 ms round trip"),
        ("1% loss", {"rate_mbit": 1000.0, "rtt_ms": 80.0, "loss": 0.01}, ""),
        ("40 % loss", {"rate_mbit": 1000.0, "rtt_ms": 80.0, "loss": 0.05}, "planned at 5 % loss"),
    ],
)
def test_numbers_set_the_link_within_bounds(
    intents: dict[str, Intent], catalog: Catalog, text: str, options: dict[str, float], note: str
) -> None:
    """A number beyond the sandbox's means is bent, and the plan itself says so."""
    plan = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", numbers.read(text), catalog)

    assert plan.target_options == options
    assert ("planned at" in plan.hints[0].reason) == bool(note)
    assert note in plan.hints[0].reason


def test_a_workload_with_its_own_link_takes_no_numbers(intents: dict[str, Intent], catalog: Catalog) -> None:
    """It keeps its link, and says that the number is not used."""
    plan = draft.plan("udp_streams", intents["udp_streams"], "g", numbers.read("200 ms round trip"), catalog)

    assert plan.target_options == {"rate_mbit": 100.0, "rtt_ms": 20.0}
    assert "200 ms is not used" in plan.hints[0].reason


def test_long_round_trips_make_long_runs(intents: dict[str, Intent], catalog: Catalog) -> None:
    """A run has many round trips, or it measures only the ramp; the time budget grows with it."""
    usual = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", (), catalog)
    long = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", numbers.read("600 ms RTT"), catalog)

    assert usual.workload.options["duration_s"] == 3.0
    assert usual.budget.time_s == 220.0
    assert long.workload.options["duration_s"] == 21.0
    assert long.budget.time_s == 1540.0


def test_the_demonstration_fits_four_minutes(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Three-second runs, about ten trials, and all within 240 s."""
    plan = draft.plan("bulk_transfer", intents["bulk_transfer"], "g", (), catalog)

    assert plan.budget.trials <= 10
    assert plan.budget.time_s < 240


def test_the_objective_follows_the_sentence(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Who says p99 gets p99, with a guard on the median instead."""
    intent = intents["request_latency"]

    median = draft.plan("request_latency", intent, "API latency", (), catalog)
    tail = draft.plan("request_latency", intent, "P99 of the API", (), catalog)
    rate = draft.plan("request_latency", intent, "more requests per second", (), catalog)

    assert median.objective.metric == "p50_latency"
    assert [guard.metric for guard in median.guards] == ["p99_latency"]
    assert tail.objective.metric == "p99_latency"
    assert [guard.metric for guard in tail.guards] == ["p50_latency"]
    assert rate.objective.metric == "requests"


def test_the_workloads_options_follow_the_sentence(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Who opens a new connection for each request is measured so."""
    intent = intents["request_latency"]

    kept = draft.plan("request_latency", intent, "API latency", (), catalog)
    opened = draft.plan("request_latency", intent, "API latency, each on a New Connection", (), catalog)

    assert "reuse" not in kept.workload.options
    assert opened.workload.options == {"duration_s": 4.0, "reuse": False}


def test_a_pick_has_the_catalogues_source(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Sources are written down once."""
    for name, intent in intents.items():
        for pick in draft.plan(name, intent, "g", (), catalog).picks:
            known = catalog.find(pick.knob)
            assert known is not None
            assert pick.source == known.source


def test_knobs_the_catalogue_lacks_are_all_named(intents: dict[str, Intent], catalog: Catalog) -> None:
    """Rules and catalogue that do not fit together are refused with every such knob."""
    poor = replace(catalog, knobs={name: knob for name, knob in catalog.knobs.items() if "tcp_" not in name})

    with pytest.raises(PlanError) as caught:
        draft.plan("bulk_transfer", intents["bulk_transfer"], "g", (), poor)

    assert {fault.value for fault in caught.value.faults} == {
        rule.knob for rule in intents["bulk_transfer"].knobs
    }
