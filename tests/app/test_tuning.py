"""A study on the real target: shell commands stand in for a workload, the kernel and its knobs are real."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kerntune.app import Settings, plan_text, result_data, run_of, to_resume, tune, tuning
from kerntune.app.planning import Benchmark, Wishes
from kerntune.errors import InputError, StoreError
from kerntune.model.plan import Budget, Direction, Guard, Hint, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.trial import Ending, Event, FailureKind, Note, Past, Result, Trial, TrialDone
from kerntune.model.verdict import Outcome
from kerntune.store import History, RunState, Store

PATIENCE_S = 20.0
KNOB = "net.core.somaxconn"
FILE = Path("/proc/sys") / KNOB.replace(".", "/")
ECHO_KNOB = f"echo speed: $(cat {FILE})"
"""Prints the value that the kernel has while it runs: what was really applied where it counts."""

UNMOVED = "echo speed: 1000"
"""Prints a number that no knob can move. Without noise: true noise would make one study in a hundred claim
something, as it may (tests/test_study.py and the simulation look at that with seeds)."""


def plan_for(command: str, *, trials: int = 3, time_s: float = 60.0) -> Plan:
    metric = {"name": "speed", "unit": "1/s", "direction": "maximize"}
    return Plan(
        goal="a test",
        workload=WorkloadChoice("command", {"command": command, "metrics": [metric]}),
        objective=Objective("speed", Direction.MAXIMIZE),
        picks=(
            Pick(KNOB, "longer queue", "Documentation/admin-guide/sysctl/net.rst"),
            Pick("net.ipv4.tcp_tw_reuse", "sooner", "Documentation/networking/ip-sysctl.rst"),
        ),
        hints=(Hint({KNOB: 8192}, "twice the default"),),
        budget=Budget(trials, time_s),
        target_options={"emulator": "none"},
        optimizer="random",
        planner="test",
    )


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state")


def carried_out(plan: Plan, here: Settings, past: Past | None = None) -> tuple[str, Result, list[Event]]:
    with tuning(plan, here, past=past) as study:
        events = list(study)
    assert isinstance(events[-1], Result)
    return study.run_id, events[-1], events


def trials_of(events: Sequence[Event]) -> list[Trial]:
    return [event.trial for event in events if isinstance(event, TrialDone)]


def journals(here: Settings) -> list[Path]:
    return [path for path in here.journal_dir.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, Result, int, int]:
    """Gives one whole study of a real effect, and the machine's own value before and after it."""
    here = Settings(tmp_path_factory.mktemp("study"))
    before = int(FILE.read_text())
    run_id, result, _ = carried_out(plan_for(ECHO_KNOB), here)
    return here, run_id, result, before, int(FILE.read_text())


def test_a_config_is_really_applied_where_the_workload_runs(finished):
    """The command read the tuned value from its kernel, and the gain is exactly what it saw."""
    _, _, result, _, _ = finished

    assert result.verdict.outcome is Outcome.BETTER
    assert set(result.minimal_config) == {KNOB}
    assert result.best == result.minimal_config[KNOB]
    assert result.verdict.gain == pytest.approx(result.best / result.baseline - 1)


def test_nothing_is_changed_on_the_machine_and_no_journal_is_left(finished):
    """The machine's own knob is what it was; every journal is gone."""
    here, _, _, before, after = finished

    assert after == before
    assert journals(here) == []


def test_everything_is_stored(finished):
    """The run, its trials with all samples and telemetry, and the result, equal to what was reported."""
    here, run_id, result, _, _ = finished

    run = run_of(here, run_id)
    with History.open(here.store_path) as history:
        trials = history.trials(run_id)
    assert run.state is RunState.DONE
    assert run.result == result
    assert len(trials) == result.trials
    assert run.setup.link.emulator == "none"
    sample = trials[0].measurement.pairs[0].candidate
    assert sample.telemetry["sys.context_switches"] > 0


def test_the_result_for_programs_has_every_promised_name(finished):
    """Scripts depend on these names; improvement is in percent, the verdict in fractions."""
    here, run_id, result, _, _ = finished

    data = result_data(run_of(here, run_id))

    promised = (
        "success workload_name best_config best_reward baseline_reward improvement total_episodes run_id "
        "verdict minimal_config trials failures wall_s benchmark_s target kernel"
    )
    assert set(promised.split()) <= data.keys()
    assert {"outcome", "gain", "low", "high", "pairs"} <= data["verdict"].keys()
    assert data["success"] is True
    assert data["improvement"] == pytest.approx(100 * result.verdict.gain)
    assert data["wall_s"] >= data["benchmark_s"] > 0


def test_knobs_that_do_nothing_end_undecided(here: Settings):
    """A number that no knob can move is an ordinary result, and nothing is recommended."""
    _, result, _ = carried_out(plan_for(UNMOVED, trials=4), here)

    assert result.verdict.outcome is Outcome.UNDECIDED
    assert result.minimal_config == {}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("echo speed: 1; exit 3", FailureKind.EXIT),
        ("echo nothing", FailureKind.METRIC),
        ("echo speed: 1; echo speed: 2", FailureKind.METRIC),
        ("echo speed: nan", FailureKind.METRIC),
        ("echo speed: 0", FailureKind.METRIC),
        ("yes speed", FailureKind.OUTPUT),
        ("/does/not/exist", FailureKind.EXIT),
    ],
)
def test_a_broken_benchmark_stops_the_study_with_its_reason(here: Settings, command: str, kind: FailureKind):
    """Three failures in a row: no number, no claim, the reason and the tail are kept."""
    run_id, result, events = carried_out(plan_for(command), here)

    assert result.ending is Ending.FAILURES
    assert result.verdict.outcome is Outcome.INVALID
    assert [trial.failure.kind for trial in trials_of(events) if trial.failure] == [kind] * 3
    assert run_of(here, run_id).state is RunState.FAILED
    assert journals(here) == []


def test_a_benchmark_that_hangs_is_ended_after_its_own_timeout(here: Settings):
    """With everything it left running; three such runs stop the study."""
    plan = plan_for("sleep 600 & sleep 600")
    options = {**plan.workload.options, "timeout_s": 0.3}

    _, result, events = carried_out(replace(plan, workload=WorkloadChoice("command", options)), here)

    assert {trial.failure.kind for trial in trials_of(events) if trial.failure} == {FailureKind.TIMEOUT}
    assert result.ending is Ending.FAILURES


def test_a_config_that_breaks_a_guard_is_no_candidate(here: Settings):
    """The guarded metric gets worse with the only knob that helps: nothing is recommended."""
    plan = plan_for(f"n=$(cat {FILE}); echo speed: $n; echo cost: $n", trials=2)
    metrics = [
        {"name": "speed", "direction": "maximize"},
        {"name": "cost", "direction": "minimize"},
    ]
    workload = WorkloadChoice("command", {**plan.workload.options, "metrics": metrics})
    plan = replace(plan, workload=workload, guards=(Guard("cost", Direction.MINIMIZE, 1.5),))

    _, result, events = carried_out(plan, here)

    kinds = {trial.failure.kind for trial in trials_of(events) if trial.failure}
    assert kinds == {FailureKind.GUARD}
    assert result.verdict.outcome is not Outcome.BETTER


def test_another_writer_in_a_trial_is_noticed_and_never_measured(here: Settings):
    """Somebody else changes the knob while the workload runs: the trial fails by that reason."""
    command = f"echo speed: $(cat {FILE}); [ $(cat {FILE}) = 4096 ] || echo 5000 > {FILE}"
    _, result, events = carried_out(plan_for(command, trials=1), here)

    failures = [trial.failure for trial in trials_of(events) if trial.failure]
    assert failures
    assert {failure.kind for failure in failures} == {FailureKind.INTERFERENCE}
    assert KNOB in failures[0].reason
    assert result.verdict.outcome is not Outcome.BETTER


SCRIPT = """
import sys
from pathlib import Path
from kerntune.app import Settings, plan_from, tuning
plan, _ = plan_from(Path(sys.argv[1]))
with tuning(plan, Settings(Path(sys.argv[2]))) as study:
    print(study.run_id, flush=True)
    for event in study:
        print(type(event).__name__, flush=True)
"""


def started(plan: Plan, tmp_path: Path, here: Settings) -> tuple[subprocess.Popen[str], str]:
    """Starts a study in a process of its own; returns it with the run's name once three trials are done."""
    path = tmp_path / "plan.json"
    path.write_text(plan_text(plan))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path), str(here.state_dir)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    done = 0
    while done < 3:
        done += process.stdout.readline().startswith("TrialDone")
    return process, run_id


def descendants(pid: int) -> set[int]:
    """Returns the processes below one, as /proc tells."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def gone(pids: set[int]) -> bool:
    """Says whether all processes end, in the time that a busy machine needs."""
    end = time.monotonic() + PATIENCE_S
    while any(map(is_alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Says whether a process still runs: one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


SLOW_ECHO = f"sleep 0.05; {ECHO_KNOB}"


def test_a_study_killed_by_kill_9_leaves_nothing_and_can_be_resumed(here: Settings, tmp_path: Path):
    """Every process goes with it; what was stored stays; the same study goes on to its verdict."""
    plan = plan_for(SLOW_ECHO, trials=6)
    process, run_id = started(plan, tmp_path, here)
    children = descendants(process.pid)
    process.kill()
    process.communicate()

    assert children
    assert gone(children)
    assert run_of(here, run_id).state is RunState.DIED
    stored_plan, past = to_resume(here, run_id)
    assert stored_plan == plan
    assert len(past.trials) >= 3

    resumed_id, result, events = carried_out(stored_plan, here, past)

    assert resumed_id == run_id
    assert trials_of(events)[: len(past.trials)] == list(past.trials)
    assert result.verdict.outcome is Outcome.BETTER
    assert run_of(here, run_id).state is RunState.DONE
    assert journals(here) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_study_cleanly(here: Settings, tmp_path: Path, number: signal.Signals):
    """It undoes, stores what was learnt, and can be resumed."""
    process, run_id = started(plan_for(SLOW_ECHO, trials=40), tmp_path, here)
    children = descendants(process.pid)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert output.splitlines()[-1] == "Result"
    assert gone(children)
    run = run_of(here, run_id)
    assert run.state is RunState.INTERRUPTED
    assert run.result is not None
    assert run.result.ending is Ending.INTERRUPTED
    assert journals(here) == []


def test_a_stop_request_in_the_store_ends_a_study(here: Settings):
    """A row written by somebody else is seen between two runs of the workload."""
    with tuning(plan_for(SLOW_ECHO, trials=40), here) as study:
        events = []
        for event in study:
            events.append(event)
            if len(trials_of(events)) == 2 and isinstance(event, TrialDone):
                with Store.open(here.store_path) as store:
                    store.request_stop(study.run_id, "test")

    assert isinstance(events[-1], Result)
    assert events[-1].ending is Ending.INTERRUPTED


def fill_up(here: Settings, children: set[int]) -> None:
    """Carries out a study whose store may not grow any more after its first trial."""
    others = descendants(os.getpid())
    with tuning(plan_for(SLOW_ECHO, trials=40), here) as study:
        for event in study:
            if isinstance(event, TrialDone):
                children |= descendants(os.getpid()) - others
                connection = study.store._connection
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_store_that_fills_up_ends_the_study_and_everything_is_undone(here: Settings):
    """The disk is full in the middle of a study: an error with a hint, and nothing stays applied."""
    children: set[int] = set()
    with pytest.raises(StoreError, match="no space left") as caught:
        fill_up(here, children)

    assert caught.value.hint
    assert children
    assert gone(children)
    assert journals(here) == []


def test_a_metric_that_the_workload_lacks_is_refused_before_anything_runs(here: Settings):
    """The hint names those it gives."""
    plan = replace(plan_for(ECHO_KNOB), objective=Objective("latency", Direction.MINIMIZE))

    with pytest.raises(InputError, match="no metric 'latency'") as caught, tuning(plan, here):
        pass

    assert "speed" in caught.value.hint


def test_knobs_that_are_not_on_the_target_are_left_out_aloud(here: Settings):
    """This sandbox has no device eth7: the study says so first and goes on with the rest."""
    elsewhere = "net.ipv4.neigh.eth7.unres_qlen_bytes"
    picks = (*plan_for(ECHO_KNOB).picks, Pick(elsewhere, "why not", "somewhere"))
    with tuning(replace(plan_for(ECHO_KNOB, trials=1), picks=picks), here) as study:
        events = list(study)

    assert isinstance(events[0], Note)
    assert elsewhere in events[0].text
    assert len(study.brief.space) == 2
    assert isinstance(events[-1], Result)


def test_the_main_job_as_a_function(here: Settings):
    """A sentence and a benchmark of one's own: the same data as the command line prints."""
    wishes = Wishes(trials=1, time_s=40, benchmark=Benchmark(ECHO_KNOB, "speed"))

    data = tune("many short connections", wishes, here=here)

    assert data["workload_name"] == "command"
    assert data["verdict"]["outcome"] in {"better", "undecided"}
    assert data["run_id"]


def test_the_store_can_be_read_by_sqlite_itself(finished):
    """No format of our own: any SQLite program can look."""
    here, run_id, _, _, _ = finished
    connection = sqlite3.connect(f"file:{here.store_path}?mode=ro", uri=True)
    try:
        (count,) = connection.execute("SELECT count(*) FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    finally:
        connection.close()

    assert count == 1
