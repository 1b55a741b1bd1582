"""Recommendations: only what was confirmed is kept, exported or pasted."""

import io
import json
from pathlib import Path

import pytest

from kerntune.app import FORMS, Settings, exported_as, kept_id, paste_lines, recommended_in, write_files
from kerntune.app.keeping import Recommendation, difference_lines, undone_lines
from kerntune.errors import InputError, PlanError
from kerntune.keep import Difference, Kept, Ledger, Occasion, Undone
from kerntune.store import History, export

FOUND = Recommendation("20261121-0001-abcd", {"vm.vfs_cache_pressure": 150}, "better, +5 %")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state", tmp_path / "machine")


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
        result(verdict=None),
        result(verdict="better"),
        result(verdict=["better"]),
        io.StringIO("[" * 100_000),
        io.StringIO('{"a":' * 100_000),
    ],
)
def test_what_was_not_confirmed_is_not_kept(source: io.StringIO):
    """Undecided, empty, or no result at all."""
    with pytest.raises(InputError):
        recommended_in(source)


@pytest.mark.parametrize(
    "name", ["x\nkernel.core_pattern=|/tmp/evil\n#", "x\ud800", "", "a b", "../x", "x" * 65, None, 7, ["x"]]
)
def test_only_what_is_a_runs_name_is_taken_for_one(name: object):
    """It stands in files that root's programs read."""
    with pytest.raises(InputError, match="no name of a run") as caught:
        recommended_in(result(run_id=name))

    assert "\n" not in str(caught.value)
    assert str(caught.value).isascii()


def test_every_value_is_checked_and_every_fault_told_at_once():
    """Nothing is left out without a word."""
    config = {"vm.swappiness": 1000000, "foo.bar": 3, "vm.dirty_ratio": [1], "vm.vfs_cache_pressure": True}
    with pytest.raises(PlanError) as caught:
        recommended_in(result(minimal_config=config))

    assert [fault.field.removeprefix("minimal_config.") for fault in caught.value.faults] == list(config)


def test_pasted_lines_go_both_ways(here: Settings):
    """The way back is commented out, with this machine's value."""
    present = Path("/proc/sys/vm/vfs_cache_pressure").read_text().strip()
    lines = list(paste_lines(here, FOUND))

    assert "sysctl -w vm.vfs_cache_pressure=150" in lines
    assert f"# sysctl -w vm.vfs_cache_pressure={present}" in lines


def test_no_line_of_a_verdict_is_a_line_to_paste(here: Settings):
    """It is text from elsewhere."""
    found = Recommendation("a", FOUND.config, "better\nrm -rf /")

    assert not any(line.startswith("rm") for line in paste_lines(here, found))


@pytest.mark.parametrize("form", FORMS)
def test_every_format_names_the_value_and_the_run(here: Settings, form: str):
    """Whoever finds the file later can look it up."""
    (text,) = exported_as(here, FOUND, form).values()

    assert "150" in text
    assert FOUND.run_id in text


def test_an_unknown_format_names_those_there_are(tmp_path: Path):
    """All of them."""
    with pytest.raises(InputError) as caught:
        export(_Stored(), "run-a", "puppet")

    assert all(form in caught.value.hint for form in ("csv", "json", *FORMS))


class _Stored(History):
    """A history with one run of which nothing is looked at."""

    def __init__(self) -> None:
        pass

    def run(self, run_id: str):
        return None

    def trials(self, run_id: str):
        return ()


def test_a_tuned_profile_is_a_directory_and_a_script_can_be_run(here: Settings, tmp_path: Path):
    """As the help's example has it."""
    (profile,) = write_files(exported_as(here, FOUND, "tuned"), tmp_path / "tuned/mine")
    (named,) = write_files(exported_as(here, FOUND, "tuned"), tmp_path / "tuned/mine/tuned.conf")
    (script,) = write_files(exported_as(here, FOUND, "shell"), tmp_path / "there.sh")
    (inside,) = write_files(exported_as(here, FOUND, "sysctl"), tmp_path)

    assert profile == named == tmp_path / "tuned/mine/tuned.conf"
    assert script.stat().st_mode & 0o111 == 0o111
    assert inside == tmp_path / "90-kerntune.conf"
    assert inside.stat().st_mode & 0o111 == 0


def test_a_kept_run_is_found_by_part_of_its_name():
    """As stored runs are; two that fit are named."""
    runs = tuple(Kept(Occasion(name, "", 0.0, "", ""), {}, {}) for name in ("one-abcd", "two-abce"))
    ledger = Ledger(runs)

    assert kept_id(ledger, "abcd") == "one-abcd"
    assert kept_id(ledger, "one") == "one-abcd"
    assert kept_id(ledger, "x") == "x"
    with pytest.raises(InputError, match="r1, r2"):
        kept_id(Ledger(tuple(Kept(Occasion(n, "", 0.0, "", ""), {}, {}) for n in ("r1", "r2"))), "r")


def test_a_difference_says_when_and_what():
    """What is not there has no value."""
    assert list(difference_lines(Difference("vm.x", "absent", 10, None, "No such file"))) == [
        "absent     vm.x: kept 10 (No such file)"
    ]
    assert list(difference_lines(Difference("vm.x", "differs", 10, 60))) == [
        "differs    vm.x: kept 10, now 60"
    ]
    assert list(difference_lines(Difference("vm.x", "overridden", 10, 60, "by /etc/a line 1"))) == [
        "overridden vm.x: kept 10, at the next boot 60 (by /etc/a line 1)"
    ]


def test_what_did_not_go_back_is_told_with_the_way():
    """Instead of "is not kept any more"."""
    lines = list(undone_lines(Undone((), ("/etc/x",), ("vm.x",), ("/etc/x: vm.x = 1",)), "run-a"))

    assert "the next boot sets it again: /etc/x: vm.x = 1; take that line out" in lines
    assert any("did not go back: vm.x" in line for line in lines)
    assert not any("not kept any more" in line for line in lines)
