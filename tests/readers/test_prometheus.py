import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.errors import MetricError
from kerntune.readers import READERS, choose, find_problem
from kerntune.readers.prometheus import Series, parse, prometheus

PAGE = r"""# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400",} 3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
not_a_number NaN
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.789
http_request_duration_seconds_bucket{le="+Inf"} 144320
# EOF
"""


def test_the_formats_own_example_is_read():
    """With escapes, timestamps, exemplars, comments, and values that are no number."""
    page = parse(PAGE)

    assert len(page.series) == 8
    assert page.series[1] == Series("http_requests_total", {"method": "post", "code": "400"}, 3.0)
    assert page.series[2].labels["path"] == r"C:\DIR\FILE.TXT"
    assert page.series[2].labels["error"] == 'Cannot find file:\n"FILE.TXT"'
    assert page.series[4].value == math.inf
    assert math.isnan(page.series[5].value)
    assert page.series[6].value == 24054.0
    assert page.types["http_request_duration_seconds"] == "histogram"


def test_a_series_is_selected_by_some_of_its_labels():
    """In any order; as many as it takes to single it out."""
    page = parse(PAGE)

    assert [one.value for one in page.select("http_requests_total")] == [1027.0, 3.0]
    assert [one.value for one in page.select('http_requests_total{code="400"}')] == [3.0]
    assert page.select('http_requests_total{code="500"}') == ()
    assert page.type_of('http_requests_total{code="400"}') == "counter"


def test_openmetrics_names_a_counter_without_its_ending():
    """The type line says `requests`, the sample `requests_total`."""
    assert parse("# TYPE requests counter\nrequests_total 1\n").type_of("requests_total") == "counter"


def test_it_is_a_reader_like_the_others():
    """Exactly one value, finite; several or none are an error."""
    reader = READERS["prometheus"]

    assert choose(reader(PAGE, "metric_without_timestamp_and_labels"), "m") == 12.47
    for find in ("http_requests_total", "nothing", "not_a_number", "something_weird"):
        with pytest.raises(MetricError):
            choose(reader(PAGE, find), "m")


@pytest.mark.parametrize("find", ["", "a b", "1a", "a{b}", "a{b=c}", 'a{b="c', 'a{b="c"} 3', 'a{b="\\t"}'])
def test_a_selector_that_is_none_is_told(find):
    """Before a run, and in a run."""
    assert "is not like" in find_problem("prometheus", find)
    with pytest.raises(MetricError, match="is not like"):
        prometheus(PAGE, find)


@pytest.mark.parametrize(
    "line",
    [
        "<html>",
        '{"a": 1}',
        "a",
        "a one",
        "a1.5",
        "a 1 2 3",
        'a{b="c" 1',
        'a{b="c"d="e"} 1',
        'a{b="\\x"} 1',
        "a 0x10",
        "a 1_000",
        "a \u0661",
        "a 1 # {b=} 1",
    ],
)
def test_a_line_that_is_not_of_the_format_is_shown_with_its_number(line):
    """No half of a page is read."""
    with pytest.raises(MetricError, match="line 2 is not"):
        parse(f"good 1\n{line}\n")


NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,10}", fullmatch=True)
LABELS = st.dictionaries(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,10}", fullmatch=True), st.text(max_size=20))
NUMBERS = st.floats(allow_nan=False)


def printed(name, labels, value, ending):
    escaped = {
        label: text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        for label, text in labels.items()
    }
    inner = ",".join(f'{label}="{text}"' for label, text in escaped.items())
    shown = {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, repr(value))
    return f"{name}{{{inner}}} {shown}{ending}"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, LABELS, NUMBERS, st.sampled_from(["", " 1395066363000", ' # {a="b"} 1 2.5', "\t"])),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(written):
    """Any name, any text in a label, any number, with a timestamp, an exemplar, or nothing behind it."""
    page = parse("\n".join(printed(*one) for one in written))

    assert [(one.name, dict(one.labels), one.value) for one in page.series] == [one[:3] for one in written]


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_parser(text):
    """It is read or refused, nothing else."""
    with suppress(MetricError):
        parse(text)
