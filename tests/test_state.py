"""State metrics: values in their units, places between 0 and 1, and names that people really write."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune import host
from kerntune.model.measurement import Sample
from kerntune.state import DEFAULT, METRICS, metric, observed, state_faults, values

TELEMETRY = {
    "cpu.busy_share": 0.752,
    "cpu.iowait_share": 0.083,
    "mem.total_bytes": 1000.0,
    "mem.available_min_bytes": 379.0,
    "mem.swap_total_bytes": 0.0,
    "mem.swap_free_min_bytes": 0.0,
    "sys.context_switches": 100_000.0,
    "sys.cpus": 2.0,
    "load.1min": 4.0,
    "disk.busy_ms": 500.0,
    "disk.read_bytes": float(100 << 20),
    "psi.io.some_us": 3e6,
    "net.client.IpExt.InOctets": float(1 << 20),
    "net.server.IpExt.InOctets": float(3 << 20),
}
SAMPLE = Sample((), wall_s=2.0, telemetry=TELEMETRY)


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("cpu_utilization", 75.2, 0.752),
        ("io_wait_percent", 8.3, 0.083),
        ("mem_utilization", 62.1, 0.621),
        ("swap_used", 0.0, 0.0),
        ("context_switches", 50_000.0, 0.5),
        ("load_average", 2.0, 2 / 3),
        ("disk_utilization", 25.0, 0.25),
        ("disk_read", 50.0, 0.2),
        ("io_pressure", 100.0, 1.0),
        ("network_in", 2.0, 2 / 102),
    ],
)
def test_a_metric_has_a_value_in_its_unit_and_a_place(name: str, value: float, place: float):
    """Percentages by hundred, rates by the second, what has no end saturates; aliases mean the same."""
    assert values([name], SAMPLE)[name] == pytest.approx(value)
    assert observed([name], SAMPLE) == (pytest.approx(place),)


def test_what_a_machine_does_not_count_has_no_value_and_stands_at_nothing():
    """A kernel without pressure accounting: no number is made up, and an agent sees the lower end."""
    bare = Sample((), wall_s=0.0)

    assert {name for name, value in values(list(METRICS), bare).items() if value is not None} == set()
    assert observed(list(METRICS), bare) == (0.0,) * len(METRICS)


def test_unknown_names_and_names_twice_are_faults_with_close_ones():
    """An alias of what is observed already is the same metric."""
    faults = state_faults(["cpu_usage", "cpu_usag", "cpu_utilization", "weather", 3], "state")

    assert [fault.field for fault in faults] == ["state[1]", "state[2]", "state[3]"]
    assert "cpu_usage" in faults[0].problem
    assert "state[0]" in faults[1].problem
    assert "memory_used" in faults[2].problem


def test_names_are_unique():
    """No alias stands for two metrics, nor for another one's name."""
    names = [name for one in METRICS.values() for name in (one.name, *one.aliases)]

    assert len(names) == len(set(names))
    assert all(metric(name) for name in DEFAULT)


@given(
    st.dictionaries(
        st.sampled_from([*sorted(TELEMETRY), "psi.cpu.some_us", "vm.pswpin", "disk.reads"]),
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e18, max_value=1e18),
    ),
    st.floats(min_value=0, max_value=1e6),
)
@settings(deadline=None)
def test_a_place_is_always_between_0_and_1(telemetry: dict[str, float], wall_s: float):
    """Whatever was counted."""
    sample = Sample((), wall_s=wall_s, telemetry=telemetry)

    assert all(0.0 <= place <= 1.0 for place in observed(list(METRICS), sample))


def test_this_machine_counts_nearly_all_of_them():
    """Real counters, in plausible places."""
    before, began = host.snapshot({"client.IpExt.InOctets": 0.0}), time.monotonic()
    while time.monotonic() - began < 0.05:
        pass
    after = host.snapshot({"client.IpExt.InOctets": 5.0})
    sample = Sample((), time.monotonic() - began, telemetry=host.difference(before, after))

    found = values(list(METRICS), sample)
    assert {"cpu_usage", "memory_used", "load", "context_switches", "network_received"} <= {
        name for name, value in found.items() if value is not None
    }
    assert 0 < found["memory_used"] < 100
    assert 0 <= found["cpu_usage"] <= 100
