import sys

import pytest

from kerntune.errors import MetricError, PlanError, RunFailed
from kerntune.interfaces import MetricSpec
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.model.trial import FailureKind
from kerntune.testing.local import LocalPlace
from kerntune.workloads.command import Command

OPS = {"name": "ops", "unit": "1/s", "direction": "maximize"}


def run(command, *, deadline_s=20.0, **options):
    return Command({"command": command, "metrics": [OPS], **options}).run(LocalPlace(), deadline_s)


def faults(**options):
    with pytest.raises(PlanError) as caught:
        Command({"command": "true", "metrics": [OPS], **options})
    return {fault.field: fault.problem for fault in caught.value.faults}


def test_a_shell_command_is_measured():
    """Pipes and arithmetic are the shell's."""
    assert run("echo 'ops: 1' | sed s/1/42/") == (Metric("ops", 42.0, "1/s", Direction.MAXIMIZE),)


def test_a_list_of_words_needs_no_shell():
    """Nothing in it is expanded."""
    found = run([sys.executable, "-I", "-S", "-c", "import sys; print('ops:', len(sys.argv[1]))", "$HOME *"])

    assert found[0].value == 7.0


def test_several_metrics_are_read_in_their_order():
    """Each with its own unit, direction and place to look at."""
    metrics = [OPS, {"name": "tail", "unit": "ms", "direction": "minimize", "find": "p99 latency"}]

    found = run("echo p99 latency: 3 ms; echo ops: 5", metrics=metrics)

    assert found == (
        Metric("ops", 5.0, "1/s", Direction.MAXIMIZE),
        Metric("tail", 3.0, "ms", Direction.MINIMIZE),
    )


def test_a_metric_is_found_by_a_pattern():
    """The user's own regular expression, with one group."""
    found = run("echo took 12.5 seconds", reader="regex", metrics=[{**OPS, "find": r"took ([\d.]+) seconds"}])

    assert found[0].value == 12.5


def test_a_metric_is_found_by_a_path():
    """Into the JSON document that the command prints."""
    found = run("""echo '{"runs": [{"ops": 7}]}'""", reader="json", metrics=[{**OPS, "find": "runs[0].ops"}])

    assert found[0].value == 7.0


def test_a_known_format_needs_a_name_only():
    """Unit and direction are the format's, unless the user says otherwise."""
    command = Command(
        {
            "command": "pgbench -S",
            "reader": "pgbench",
            "metrics": ["tps", {"name": "mean", "find": "latency_average", "direction": "maximize"}],
        }
    )

    assert command.metrics(None) == (
        MetricSpec("tps", "1/s", Direction.MAXIMIZE),
        MetricSpec("mean", "ms", Direction.MAXIMIZE),
    )


def test_a_redis_test_and_a_fio_job_may_stand_before_the_metric():
    """Their units and directions are known all the same."""
    redis = Command({"command": "r", "reader": "redis-benchmark", "metrics": ["MSET (10 keys).p99"]})
    fio = Command({"command": "f", "reader": "fio", "metrics": ["my.job.read.iops"]})

    assert redis.metrics(None)[0].unit == "ms"
    assert fio.metrics(None)[0].direction is Direction.MAXIMIZE


def test_all_faults_of_the_options_are_told_at_once():
    """With field and problem, in our words."""
    found = faults(
        command="",
        reader="regex",
        host=3,
        speed=1,
        metrics=[{"name": "a", "direction": "up"}, {**OPS, "find": "("}, {"name": ""}],
    )

    assert found["command"] == "is empty"
    assert "valid string" in found["host"]
    assert found["speed"] == "unknown option; there are command, metrics, reader, host, timeout_s"
    assert "maximize" in found["metrics.0.direction"]
    assert "not a regular expression" in found["metrics.1"]
    assert "metrics.2.name" in found


@pytest.mark.parametrize(
    ("options", "field", "problem"),
    [
        ({"command": 3}, "command", "a command for the shell"),
        ({"command": []}, "command", "empty"),
        ({"command": ["a", 1]}, "command", "a command for the shell"),
        ({"command": "a\0b"}, "command", "no program can be given"),
        ({"command": "\ud800"}, "command", "no program can be given"),
        ({"metrics": []}, "metrics", "at least 1"),
        ({"metrics": [OPS, OPS]}, "metrics", "named twice: ops"),
        ({"metrics": ["ops"]}, "metrics.0", "needs a direction"),
        ({"metrics": "ops"}, "metrics", "valid list"),
        ({"reader": "guess"}, "reader", "unknown reader; there are lines, regex, json, pgbench"),
        ({"reader": "json", "metrics": [{**OPS, "find": "a..b"}]}, "metrics.0", "path"),
        (
            {"reader": "wrk", "metrics": ["tps"]},
            "metrics.0",
            "wrk prints no 'tps'; it prints requests_per_second",
        ),
        ({"metrics": [{**OPS, "colour": "red"}]}, "metrics.0.colour", "not permitted"),
    ],
)
def test_a_fault_of_the_options_names_its_field(options, field, problem):
    """Before anything is started."""
    assert problem in faults(**options)[field]


def test_options_that_are_missing_are_told():
    """The command and at least one metric cannot be guessed."""
    with pytest.raises(PlanError) as caught:
        Command({})

    assert [(fault.field, fault.problem) for fault in caught.value.faults] == [
        ("command", "missing"),
        ("metrics", "missing"),
    ]


def test_a_host_that_the_place_lacks_is_a_failed_run():
    """Which hosts there are is known only when it runs."""
    with pytest.raises(RunFailed, match="host 'server', and there are local"):
        run("true", host="server")


def test_a_command_that_hangs_is_ended():
    """At its deadline, with its output so far."""
    with pytest.raises(RunFailed) as caught:
        run("echo ops: 1; sleep 600", deadline_s=0.3)

    assert caught.value.kind == FailureKind.TIMEOUT
    assert caught.value.tail == "ops: 1"


def test_a_command_that_fails_has_no_metrics():
    """Though it printed one before it failed."""
    with pytest.raises(RunFailed, match="status 9") as caught:
        run("echo ops: 1; exit 9")

    assert caught.value.kind == FailureKind.EXIT


def test_a_command_that_floods_its_output_is_ended():
    """Long before its deadline."""
    with pytest.raises(RunFailed) as caught:
        run("yes ops: 1")

    assert caught.value.kind == FailureKind.OUTPUT


@pytest.mark.parametrize(
    ("printed", "problem"),
    [
        ("", "ops is missing"),
        ("speed: 1", "ops is missing"),
        ("ops: 1\nops: 2", "ops is ambiguous"),
        ("ops: nan", "ops is 'nan', which is not a finite number"),
        ("ops: fast", "ops is 'fast', not a number in 1/s"),
    ],
)
def test_output_without_exactly_one_number_is_an_error(printed, problem):
    """What was printed is shown, standard error too; no number is guessed."""
    with pytest.raises(MetricError, match=problem) as caught:
        run(f"printf '{printed}'; echo 5 warnings >&2")

    assert caught.value.tail == f"{printed}\n5 warnings".lstrip()


def test_a_command_that_leaves_children_behind_is_measured():
    """The child is ended with it, see tests of execution; the figures count."""
    assert run("sleep 600 & echo ops: 3")[0].value == 3.0
