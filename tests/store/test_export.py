"""A run as text for other programs."""

import csv
import io
import json

import pytest

from kerntune.errors import InputError
from kerntune.model.trial import Note, PairDone, TrialDone
from kerntune.store import export


@pytest.fixture
def run_id(make, store):
    run_id = store.begin(make.plan, make.setup)
    flying = PairDone(3, make.comparison, make.trial(3).measurement.pairs[0], make.verdict)
    for event in (*make.events(make.trial(1)), TrialDone(make.failed(2)), Note("a note"), flying):
        store.append(run_id, event)
    store.append(run_id, make.result())
    return run_id


def test_json_holds_everything(make, store, run_id):
    """Plan, setup, trials with samples, the unfinished one, notes, result; readable by any JSON reader."""
    whole = json.loads(export(store, run_id, "json"), parse_constant=pytest.fail)

    assert whole["run"]["plan"]["goal"] == "bulk file transfer"
    assert whole["run"]["setup"]["facts"]["kernel"] == "6.18.1"
    assert whole["run"]["result"]["verdict"]["high"] == "inf"
    assert [trial["number"] for trial in whole["trials"]] == [1, 2]
    assert whole["trials"][0]["measurement"]["pairs"][0]["candidate"]["metrics"][0]["value"] == 850.0
    assert whole["trials"][1]["failure"]["kind"] == "timeout"
    assert [trial["number"] for trial in whole["unfinished"]] == [3]
    assert whole["notes"] == ["a note"]


def test_csv_has_a_line_for_each_run_of_the_workload(store, run_id):
    """Warm-up, two pairs, and a line for the trial that failed without a number."""
    lines = list(csv.DictReader(io.StringIO(export(store, run_id, "csv"))))

    assert [line["role"] for line in lines] == ["warmup", *["reference", "candidate"] * 2, "candidate"]
    assert [line["metric:throughput"] for line in lines] == ["0.5", "250.0", "850.0", "250.0", "850.0", ""]
    assert [line["is_first"] for line in lines] == ["1", "1", "0", "0", "1", ""]
    assert lines[1]["knob:net.ipv4.tcp_wmem:max"] == str(1 << 22)
    assert lines[2]["knob:net.ipv4.tcp_wmem:max"] == str(1 << 24)
    assert lines[2]["telemetry:cpu.busy_share"] == "0.4"
    assert (lines[2]["outcome"], lines[5]["failure"]) == ("better", "timeout")


def test_an_empty_run_has_a_header_line_only(make, store):
    """No trial yet: a table without rows, not an error."""
    text = export(store, store.begin(make.plan, make.setup), "csv")

    assert text.startswith("run_id,trial,stage,")
    assert text.count("\n") == 1


def test_an_unknown_format_is_wrong_input(store, run_id):
    """With those that there are."""
    with pytest.raises(InputError, match="'xml'") as caught:
        export(store, run_id, "xml")

    assert "csv, json" in caught.value.hint
