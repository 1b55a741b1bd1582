import math

import pytest

from kerntune.errors import MetricError
from kerntune.readers.prometheus import parse
from kerntune.workloads.scrape import Scrape, mean, quantile, rate


def pages(*texts):
    return tuple(Scrape(parse(text), float(at)) for at, text in enumerate(texts))


def histogram(*counts):
    limits = ["0.1", "0.2", "0.4", "+Inf"]
    return "\n".join(
        f'took_bucket{{le="{limit}"}} {count}' for limit, count in zip(limits, counts, strict=True)
    )


def test_a_rate_is_the_growth_of_all_series_in_a_second():
    """A series that is new began at 0."""
    found = pages('n{code="200"} 100\n', 'n{code="200"} 150\n', 'n{code="200"} 200\nn{code="500"} 6\n')

    assert rate(found, "n") == 53.0
    assert rate(found, 'n{code="200"}') == 50.0


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (("n 5", "n 1", "n 9"), "n fell"),  # in between, too: it is above its beginning in the end
        (('n{a="1"} 5\nn{a="2"} 5', 'n{a="1"} 6'), "n fell"),
        (("n 5", "m 5"), "n is missing"),
    ],
)
def test_a_counter_that_fell_or_went_away_is_no_rate(texts, problem):
    """The service was started anew, or it is no counter."""
    with pytest.raises(MetricError, match=problem):
        rate(pages(*texts), "n")


def test_a_gauge_is_its_mean_over_all_pages():
    """Of one series; several are ambiguous."""
    assert mean(pages("q 1", "q 2", "q 6"), "q") == 3.0
    with pytest.raises(MetricError, match="means 2 series: name more labels"):
        mean(pages('q{a="1"} 1\nq{a="2"} 1'), "q")
    with pytest.raises(MetricError, match="q is missing"):
        mean(pages("q 1", "p 1"), "q")


def test_a_quantile_is_that_of_the_time_between_the_pages():
    """Interpolated inside its bucket, as Prometheus does: what came before does not count."""
    found = pages(histogram(1000, 1000, 1000, 1000), histogram(1050, 1090, 1100, 1100))

    assert quantile(found, "took", 0.5) == pytest.approx(0.1)
    assert quantile(found, "took", 0.7) == pytest.approx(0.15)
    assert quantile(found, "took", 0.99) == pytest.approx(0.38)
    assert quantile(found, "took", 0.25) == pytest.approx(0.05)


def test_a_quantile_is_that_of_all_selected_series_together():
    """Two handlers, one histogram."""
    before = 'took_bucket{h="a",le="1"} 0\ntook_bucket{h="a",le="+Inf"} 0\n'
    after = before.replace(" 0", " 10") + 'took_bucket{h="b",le="1"} 30\ntook_bucket{h="b",le="+Inf"} 30\n'
    found = pages(before, after)

    assert quantile(found, "took", 0.5) == pytest.approx(0.5)
    assert quantile(found, 'took{h="a"}', 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (histogram(0, 0, 0, 0), "counted nothing"),
        (histogram(10, 20, 30, 100), "beyond its largest bucket"),
        ("", "missing"),
        ('took_bucket{le="x"} 1', "the limit 'x'"),
    ],
)
def test_a_quantile_that_is_not_known_is_an_error(after, problem):
    """Never the largest limit, never 0."""
    with pytest.raises(MetricError, match=problem):
        quantile(
            pages('took_bucket{le="x"} 0' if "x" in after else histogram(0, 0, 0, 0), after), "took", 0.99
        )


def test_a_gauge_that_is_no_number_has_no_mean():
    """What is not finite stays so, and is refused where figures are taken."""
    assert math.isnan(mean(pages("q NaN"), "q"))
