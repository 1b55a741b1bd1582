"""The command line: what each command prints and with which status it ends. Studies run in a real sandbox."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

KNOB = "net.core.somaxconn"
ECHO_KNOB = "echo speed: $(cat /proc/sys/net/core/somaxconn)"
GOAL = "many short connections"


def kerntune(*arguments: str, state: Path, within_s: float = 90) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a user would, with a state directory of its own and nothing on a terminal."""
    own = {name: str(state) for name in ("HOME", "XDG_STATE_HOME", "KERNTUNE_MACHINE_DIR")}
    environment = {"PATH": os.environ["PATH"], **own}
    return subprocess.run(
        [sys.executable, "-m", "kerntune", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Gives a state directory with one finished study, and what `tune --json` printed."""
    state = tmp_path_factory.mktemp("state")
    options = ("--command", ECHO_KNOB, "--metric", "speed", "--trials", "2", "--time", "60")
    return state, kerntune("tune", GOAL, *options, "--json", state=state)


def test_tune_prints_json_alone_on_standard_output(studied):
    """Scripts parse standard output; people read standard error."""
    _, done = studied

    data = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert data["verdict"]["outcome"] in {"better", "undecided"}
    assert "audit" in done.stderr
    assert "\x1b" not in done.stderr


def test_list_show_and_export_know_the_study(studied):
    """What was printed can be looked up again."""
    state, done = studied
    run_id = json.loads(done.stdout)["run_id"]

    listed = kerntune("list", state=state)
    shown = kerntune("show", run_id[-4:], state=state)
    as_json = kerntune("show", run_id, "--json", state=state)
    csv = kerntune("export", run_id, "-f", "csv", state=state)

    assert run_id in listed.stdout
    assert "confirm" in shown.stdout or "search" in shown.stdout
    assert json.loads(as_json.stdout) == json.loads(done.stdout)
    assert csv.stdout.splitlines()[0].count("metric:speed") == 1
    assert len(csv.stdout.splitlines()) > 6
    exported = json.loads(kerntune("export", run_id, state=state).stdout)
    assert exported["run"]["run_id"] == run_id


def test_compare_shows_two_studies_side_by_side(studied):
    """Also a study with itself."""
    state, done = studied
    run_id = json.loads(done.stdout)["run_id"]

    compared = kerntune("compare", run_id, run_id, state=state)

    assert compared.returncode == 0
    assert compared.stdout.count(run_id) == 2
    assert "Invalid" not in compared.stdout


def test_a_plan_goes_to_a_file_and_is_carried_out_from_it(tmp_path: Path):
    """`plan -o` and `run` are the two halves of `tune`."""
    path = tmp_path / "plan.json"
    options = ("--command", ECHO_KNOB, "--metric", "speed", "--trials", "1")

    planned = kerntune("plan", GOAL, *options, "-o", str(path), state=tmp_path)
    checked = kerntune("run", str(path), "--check", state=tmp_path)
    carried_out = kerntune("run", str(path), "--json", state=tmp_path)

    assert planned.returncode == checked.returncode == 0
    assert "no faults" in checked.stdout
    assert json.loads(carried_out.stdout)["workload_name"] == "command"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["tune", "make me a sandwich"], 2, "no plan fits"),
        (["tune", ""], 2, "empty"),
        (["tune", "make the network faster"], 2, "fits several plans"),
        (["tune", GOAL, "--target", "mars"], 2, "mars"),
        (["tune", GOAL, "--optimizer", "magic"], 2, "magic"),
        (["tune", GOAL, "--trials", "0"], 2, "--trials"),
        (["tune", GOAL, "--time", "nan"], 2, "--time"),
        (["plan", GOAL, "--time", "inf"], 2, "budget.time_s: must be a finite number"),
        (["tune", GOAL, "--seed", "4294967296"], 2, "--seed"),
        (["tune", GOAL, "--optimizer", "magic", "--dry-run"], 2, "magic"),
        (["tune", GOAL, "--policy", "/nope", "--dry-run"], 2, "cannot read the policy /nope"),
        (["tune", GOAL, "--command", "", "--metric", "speed"], 2, "command of the benchmark is empty"),
        (["tune", GOAL, "--command", "true"], 2, "--metric"),
        (["tune", GOAL, "--command", "echo x", "--metric", "speed", "--reader", "tarot"], 2, "tarot"),
        (["run", "/does/not/exist.json"], 2, "exist"),
        (["show", "nothing"], 2, "no study"),
        (["resume", "nothing"], 2, "no study"),
        (["knobs", "show", "kernel.randomize_va_space"], 2, "never written"),
        (["knobs", "show", "net.ipv4.tcp_tw_recycle"], 2, "4.12"),
        (["plan", GOAL, "-o", "/does/not/exist/plan.json"], 2, "cannot write"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_wrong_input_ends_with_2_and_says_what_to_do(
    tmp_path: Path, arguments: Sequence[str], status: int, said: str
):
    """No traceback ever reaches a user."""
    done = kerntune(*arguments, state=tmp_path)

    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


CONFIG = {
    "workload_name": "my-workload",
    "reward_metric": "speed",
    "benchmark_command": ECHO_KNOB,
    "action_space": [{"param": KNOB, "min": 128}],
    "training_config": {"total_timesteps": 200, "n_steps": 64, "benchmark_timeout": 15},
    "target": "netns",
    "author": "me",
}


def test_a_config_is_looked_at_as_json(tmp_path: Path):
    """Its notes are in the data; faults too, with what would only fail at the start."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    checked = kerntune("run", str(path), "--check", "--json", state=tmp_path)
    looked_at = kerntune("run", str(path), "--dry-run", "--json", state=tmp_path)
    assert checked.returncode == looked_at.returncode == 0
    assert json.loads(checked.stdout)["faults"] == []
    found = json.loads(looked_at.stdout)
    assert (found["success"], found["workload_name"], found["improvement"]) == (True, "my-workload", 0.0)
    assert set(json.loads(checked.stdout)["notes"]) < set(found["notes"])
    assert any("author" in note for note in found["notes"])

    path.write_text(json.dumps({**CONFIG, "optimizer": "nope", "training_config": {"n_steps": 1}}))
    refused = kerntune("run", str(path), "--check", "--json", state=tmp_path)
    assert refused.returncode == 2
    assert {fault["field"] for fault in json.loads(refused.stdout)["faults"]} == {
        "optimizer", "training_config.n_steps",
    }  # fmt: skip
    assert "training_config.n_steps: must be at least 2" in refused.stderr


def test_a_broken_benchmark_ends_with_4_and_shows_its_output(tmp_path: Path):
    """The tail of what it printed is the first thing its author needs."""
    options = ("--command", "echo out of cheese; exit 7", "--metric", "speed")

    done = kerntune("tune", GOAL, *options, state=tmp_path)

    assert done.returncode == 4
    assert "out of cheese" in done.stderr
    assert "7" in done.stderr


def test_a_benchmark_named_by_a_relative_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It runs in the directory in which the user typed the command."""
    script = tmp_path / "my bench.sh"
    script.write_text(f"#!/bin/sh\n{ECHO_KNOB}\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    options = ("--command", "./my\\ bench.sh", "--metric", "speed", "--trials", "1")

    done = kerntune("tune", GOAL, *options, state=tmp_path)

    assert done.returncode == 0, done.stderr


def test_a_corrupt_store_is_named_and_left_alone(tmp_path: Path):
    """Never deleted: it may hold weeks of measurements."""
    store = tmp_path / "kerntune" / "kerntune.db"
    store.parent.mkdir()
    store.write_bytes(b"this is no database" * 1000)

    done = kerntune("list", state=tmp_path)

    assert done.returncode == 5
    assert str(store) in done.stderr
    assert "Traceback" not in done.stderr
    assert store.read_bytes() == b"this is no database" * 1000


def test_knobs_are_listed_with_their_present_values(tmp_path: Path):
    """Every knob of the catalogue is there, with a value or the reason why it has none."""
    done = kerntune("knobs", "list", state=tmp_path)

    assert done.returncode == 0, done.stderr
    assert KNOB in done.stdout
    assert len(done.stdout.splitlines()) > 70
    assert "may not be read" not in done.stdout


def test_knobs_show_explains_a_vector_by_its_file_name(tmp_path: Path):
    """The kernel's own name is enough; each member is explained."""
    done = kerntune("knobs", "show", "net.ipv4.tcp_wmem", state=tmp_path)

    assert done.returncode == 0, done.stderr
    for member in ("min", "default", "max"):
        assert f"net.ipv4.tcp_wmem:{member}" in done.stdout
    assert "ip-sysctl.rst" in done.stdout


def test_knobs_search_finds_by_meaning(tmp_path: Path):
    """Without a target when asked: the catalogue alone."""
    done = kerntune("knobs", "search", "TIME_WAIT", "--offline", "--json", state=tmp_path)

    names = [row["knob"] for row in json.loads(done.stdout)]
    assert "net.ipv4.tcp_tw_reuse" in names


def test_doctor_status_undo_and_workloads_answer(tmp_path: Path):
    """On a machine where nothing is applied they say so."""
    doctor = kerntune("doctor", state=tmp_path)
    status = kerntune("status", state=tmp_path)
    undo = kerntune("undo", state=tmp_path)
    workloads = kerntune("workloads", state=tmp_path)

    assert doctor.returncode == 0, doctor.stdout
    assert "target netns" in doctor.stdout
    assert "nothing is applied" in status.stdout
    assert "nothing to undo" in undo.stdout
    assert "wan_transfer" in workloads.stdout


def test_help_teaches_by_example(tmp_path: Path):
    """The first thing a new user types."""
    done = kerntune("--help", state=tmp_path)

    assert 'kerntune tune "bulk file transfer over a long-distance link"' in done.stdout
