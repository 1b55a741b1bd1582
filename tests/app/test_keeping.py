"""Recommendations: only what was confirmed is kept, exported or pasted."""

import io
import json
from pathlib import Path

import pytest

from kerntune.app import exported_as, kept_id, paste_lines, recommended_in
from kerntune.app.keeping import Recommendation
from kerntune.errors import InputError
from kerntune.keep import Kept, Ledger, Occasion

FOUND = Recommendation("20261121-0001-abcd", {"vm.vfs_cache_pressure": 150}, "better, +5 %")


def result(**changes: object) -> io.StringIO:
    data = {
        "run_id": "20261121-0001-abcd",
        "minimal_config": {"vm.vfs_cache_pressure": 150},
        "verdict": {"outcome": "better"},
    }
    return io.StringIO(json.dumps(data | changes))


def test_a_result_as_json_is_a_recommendation():
    """So that root can keep what an ordinary user found."""
    assert recommended_in(result()).config == FOUND.config


@pytest.mark.parametrize(
    "source",
    [
        io.StringIO("no json"),
        io.StringIO("[1]"),
        result(verdict={"outcome": "undecided"}),
        result(minimal_config={}),
        result(minimal_config="rm -rf /"),
    ],
)
def test_what_was_not_confirmed_is_not_kept(source: io.StringIO):
    """Undecided, empty, or no result at all."""
    with pytest.raises(InputError):
        recommended_in(source)


def test_pasted_lines_go_both_ways():
    """The way back is commented out, with this machine's value."""
    present = Path("/proc/sys/vm/vfs_cache_pressure").read_text().strip()
    lines = list(paste_lines(FOUND))

    assert "sysctl -w vm.vfs_cache_pressure=150" in lines
    assert f"# sysctl -w vm.vfs_cache_pressure={present}" in lines


@pytest.mark.parametrize("form", ["sysctl", "shell", "tuned", "ansible"])
def test_every_format_names_the_value_and_the_run(form: str):
    """Whoever finds the file later can look it up."""
    (text,) = exported_as(FOUND, form).values()

    assert "150" in text
    assert FOUND.run_id in text


def test_an_unknown_format_names_those_there_are():
    """All of them."""
    with pytest.raises(InputError) as caught:
        exported_as(FOUND, "puppet")

    assert "ansible" in caught.value.hint


def test_a_kept_run_is_found_by_part_of_its_name():
    """As stored runs are; two that fit are none."""
    runs = tuple(Kept(Occasion(name, "", 0.0, "", ""), {}, {}) for name in ("one-abcd", "two-abce"))
    ledger = Ledger(runs)

    assert kept_id(ledger, "abcd") == "one-abcd"
    assert kept_id(ledger, "one") == "one-abcd"
    assert kept_id(ledger, "x") == "x"
