import pytest

from kerntune.errors import MetricError
from kerntune.readers.text import json_path, lines, path_problem, regex


def test_a_line_is_found_by_its_whole_label():
    """A label that only ends alike is another metric."""
    text = "read ops: 1\nops: 2\n  ops : 3 1/s \nops_total: 4\nops 5\n"

    assert lines(text, "ops") == ["2", "3 1/s"]
    assert lines(text, "read ops") == ["1"]


def test_a_label_may_hold_a_colon():
    """Only the colon behind the label ends it."""
    assert lines("disk sda: util: 12", "disk sda: util") == ["12"]


def test_a_pattern_finds_at_every_line():
    """`^` means the start of a line, and all matches are returned for the caller to judge."""
    assert regex("a 1\nb 2\na 3", r"^a (\d)") == ["1", "3"]


@pytest.mark.parametrize("pattern", ["(", "a", "(a)(b)", "(?P<x>a)|(b)"])
def test_a_pattern_without_exactly_one_group_is_refused(pattern):
    """Which group is meant is never guessed."""
    with pytest.raises(MetricError, match="pattern"):
        regex("ab", pattern)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", ["1"]),
        ("b[1].c", ["2.5"]),
        ("b[-1].c", ["2.5"]),
        ("p.99.000000", ["7"]),
        ("b[9].c", []),
        ("b.c", []),
        ("nothing", []),
        ("t", ["true"]),
        ("n", ["null"]),
        ("b", ['[{"c": 2}, {"c": 2.5}]']),
    ],
)
def test_a_path_leads_to_one_leaf(path, found):
    """Indices, keys that hold dots, and paths that lead nowhere."""
    text = '{"a": 1, "b": [{"c": 2}, {"c": 2.5}], "p": {"99.000000": 7}, "t": true, "n": null}'

    assert json_path(text, path) == found


@pytest.mark.parametrize("path", ["", "a..b", "a[x]", "a[0", "[0]b", ".a", "a."])
def test_a_path_that_is_none_is_refused(path):
    """Before any output is looked at."""
    assert path_problem(path)
    with pytest.raises(MetricError):
        json_path("{}", path)


def test_output_that_is_not_one_document_is_refused():
    """A log line before the document would make the reader guess where it begins."""
    with pytest.raises(MetricError, match="not one JSON document"):
        json_path('starting\n{"a": 1}', "a")
