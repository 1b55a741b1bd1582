import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerntune.errors import MetricError
from kerntune.interfaces import MetricSpec
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, choose, known_metrics, read

OPS = Wanted(MetricSpec("ops", "1/s", Direction.MAXIMIZE), "ops")
LATENCY = Wanted(MetricSpec("latency", "ms", Direction.MINIMIZE), "p99")


def test_several_metrics_are_read_with_units_and_directions():
    """In the order they were asked for, whatever the order they were printed in."""
    found = read(READERS["lines"], "p99: 1.5 ms\nops: 12e3\n", [OPS, LATENCY])

    assert found == (
        Metric("ops", 12000.0, "1/s", Direction.MAXIMIZE),
        Metric("latency", 1.5, "ms", Direction.MINIMIZE),
    )


def test_a_missing_metric_is_named_and_the_tail_attached():
    """The user sees what was printed instead."""
    with pytest.raises(MetricError, match="metric ops is missing") as caught:
        read(READERS["lines"], "x" * 9000 + "\nspeed: 12\n", [OPS])

    assert caught.value.tail.endswith("speed: 12\n")
    assert len(caught.value.tail) <= 2000


def test_two_different_values_are_ambiguous():
    """Neither the first nor the last is taken."""
    with pytest.raises(MetricError, match="metric ops is ambiguous: 2 different values"):
        read(READERS["lines"], "ops: 1\nops: 2\n", [OPS])


def test_the_same_value_twice_is_one_value():
    """A summary that repeats a line says nothing new."""
    assert choose(["1.50", "1.5"], "ops") == 1.5


@pytest.mark.parametrize("value", ["nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e999"])
def test_a_value_that_is_not_finite_is_refused(value):
    """It would win or lose every comparison."""
    with pytest.raises(MetricError, match=r"metric ops is .* not a finite number"):
        read(READERS["lines"], f"ops: {value}\n", [OPS])


@pytest.mark.parametrize("value", ["", "fast", "12 ms", "1,5", "0x10", "12 34", "1_000", "--1", "٣"])
def test_a_value_that_is_no_number_in_its_unit_is_refused(value):
    """A unit other than the metric's would be off by a factor."""
    with pytest.raises(MetricError, match=r"metric ops is .* not a number in 1/s"):
        read(READERS["lines"], f"ops: {value}\n", [OPS])


def test_an_error_of_a_reader_names_the_metric():
    """Broken JSON is said to be so, for the metric that was looked for."""
    with pytest.raises(MetricError, match="metric ops: the output is not one JSON") as caught:
        read(READERS["json"], "oops", [OPS])

    assert caught.value.tail == "oops"


def test_a_format_says_which_metrics_it_defines():
    """The command workload takes units and directions from here."""
    assert known_metrics("pgbench")["tps"].unit == "1/s"
    assert known_metrics("fio")["read.p99"].direction is Direction.MINIMIZE
    assert not known_metrics("lines")


SNIPPETS = st.sampled_from(
    [
        "ops: ",
        "tps = ",
        '{"ops":',
        "}",
        "[",
        '"GET","',
        "3;fio-3.33;",
        ";",
        "====== GET ======",
        "nan",
        "1",
        "e99",
        "  read: IOPS=",
        "Requests/sec: ",
        " requests per second",
        '"jobs"',
        "\n",
        "\r",
        "{\n",
        "9" * 5000,
    ]
)


@given(
    text=st.one_of(st.text(), st.lists(SNIPPETS | st.text(max_size=5), max_size=30).map("".join)),
    name=st.sampled_from(["ops", "tps", "p50", "GET.p50", "requests_per_second", "read.iops", "x.read.iops"])
    | st.text(max_size=12),
    reader=st.sampled_from(sorted(READERS)),
)
def test_no_text_raises_anything_but_a_metric_error(text, name, reader):
    """Whatever a program prints, and wherever it is looked for."""
    wanted = Wanted(MetricSpec("m", "1/s", Direction.MAXIMIZE), name)

    try:
        (metric,) = read(READERS[reader], text, [wanted])
    except MetricError:
        return
    assert abs(metric.value) < float("inf")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"ops": ' + "9" * 5000 + "}", '{"ops": NaN}']
)
def test_json_that_breaks_parsers_is_a_metric_error(text):
    """Nesting without end, and numbers no float can hold."""
    with pytest.raises(MetricError):
        read(READERS["json"], text, [OPS])
