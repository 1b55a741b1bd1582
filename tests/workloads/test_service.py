import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kerntune.errors import MetricError, PlanError, RunFailed
from kerntune.interfaces import Link, MetricSpec
from kerntune.model.plan import Direction
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads import attach
from kerntune.workloads.service import Service

SERVER = textwrap.dedent("""
    import sys, time
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    began = time.time()
    asked = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            global asked
            asked += 1
            status, body = (200, b"hello") if self.path == "/" else (404, b"")
            if self.path == "/metrics":
                body = (f"# TYPE asked_total counter\\nasked_total {asked}\\nidle_total 0\\n"
                        f"# TYPE depth gauge\\ndepth 4\\nodd NaN\\n"
                        f"process_start_time_seconds {began}\\n").encode()
                status = 200
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
""")


class Running:
    """A web service of somebody's, in a process of its own."""

    def __init__(self, port=0, server=SERVER):
        argv = [sys.executable, "-I", "-S", "-c", server, str(port)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/"
        self.metrics_url = self.url + "metrics"

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def running():
    service = Running()
    yield service
    service.end()


def gauge(name, find, direction="minimize", **more):
    return {"name": name, "find": find, "direction": direction, **more}


def run(deadline_s=30.0, place=None, **options):
    return Service(options).run(place or LocalPlace(), deadline_s)


def test_a_url_is_measured_by_requests_of_ours(running):
    """At a pace; and by the clients as quickly as it answers."""
    for rate in (100.0, 0.0):
        options = {"url": running.url, "duration_s": 0.3, "rate": rate, "clients": 2}
        check_workload(Service, options, LocalPlace(), deadline_s=30)


def test_the_pace_is_kept(running):
    """Which is what makes a latency comparable; slower only where the service is."""
    found = {metric.name: metric.value for metric in run(url=running.url, duration_s=1.0, rate=20.0)}

    assert found["requests"] <= 21.0


def test_an_answer_that_is_an_error_fails_the_run(running):
    """An error is quick."""
    with pytest.raises(RunFailed) as caught:
        run(url=running.url + "nothing", duration_s=0.3)

    assert "the answer was 404" in caught.value.tail


def test_a_metrics_page_is_read_over_the_time(running):
    """A counter's rate and a gauge's mean, by the types that the page tells."""
    metrics = [gauge("asked", "asked_total", "maximize", unit="1/s"), gauge("depth", "depth")]
    options = {"pid": running.process.pid, "metrics_url": running.metrics_url, "metrics": metrics}

    check_workload(Service, {**options, "duration_s": 0.2}, LocalPlace(), deadline_s=30)
    asked, depth = run(**options, duration_s=0.2)

    assert asked.value > 0
    assert depth.value == 4.0
    assert Service(options).metrics(None)[0] == MetricSpec("asked", "1/s", Direction.MAXIMIZE)


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        (gauge("m", "idle_total"), "without a type"),
        (gauge("m", "idle_total", "maximize", read="rate"), "did not grow"),
        (gauge("m", "odd", read="mean"), "not a finite number"),
        (gauge("m", "nothing", read="mean"), "nothing is missing"),
        (gauge("m", "depth", read="quantile"), "depth_bucket is missing"),
    ],
)
def test_a_figure_that_is_not_there_is_never_a_number(running, metric, problem):
    """Each says which, and why."""
    with pytest.raises(MetricError, match=problem):
        run(pid=running.process.pid, metrics_url=running.metrics_url, metrics=[metric], duration_s=0.1)


def test_no_growth_is_a_number_where_less_is_better(running):
    """No errors in the time are no errors."""
    metric = gauge("errors", "idle_total", read="rate")

    (found,) = run(pid=running.process.pid, metrics_url=running.metrics_url, metrics=[metric], duration_s=0.1)

    assert found.value == 0.0


def test_a_command_drives_the_load_and_prints_the_figures(running):
    """Read as those of the workload command."""
    (found,) = run(pid=running.process.pid, command="echo ops: 12", metrics=[gauge("ops", "ops")])

    assert found.value == 12.0


@pytest.mark.parametrize("attached", ["pid", "url"])
def test_a_service_that_starts_anew_during_a_run_fails_it(running, attached):
    """Its figures are those of two services; the command is content, and so would the page be."""
    name = {"pid": running.process.pid} if attached == "pid" else {"url": running.url}
    argv = [sys.executable, "-I", "-S", "-c", SERVER, str(running.port)]
    other = []

    class Restarting(LocalPlace):
        def start(self, command, host, stdout, stderr, *, privileged=False):
            if privileged:
                running.process.kill()
                running.process.wait()
                other.append(subprocess.Popen(argv, stdout=subprocess.PIPE))
                other[0].stdout.readline()
            return super().start(command, host, stdout, stderr, privileged=privileged)

    try:
        with pytest.raises(RunFailed, match=r"started anew|does not run") as caught:
            run(place=Restarting(), command="echo ops: 12", metrics=[gauge("ops", "ops")], **name)
    finally:
        for process in other:
            process.kill()
            process.wait()
            process.stdout.close()

    assert caught.value.kind == "exit"


def test_a_service_that_does_not_run_is_told(running):
    """Before anything is measured, and instead of what failed because of it."""
    running.end()

    with pytest.raises(RunFailed, match="does not run"):
        run(pid=running.process.pid, command="true", metrics=[gauge("ops", "ops")])
    with pytest.raises(RunFailed, match="nobody answers at"):
        run(url=running.url)


def test_a_service_that_dies_during_the_run_is_what_failed(running):
    """Though it is our request that has failed."""
    command = f"kill -9 {running.process.pid}; sleep 0.2; exit 3"

    with pytest.raises(RunFailed, match="nobody answers"):
        run(url=running.url, command=command, metrics=[gauge("ops", "ops")])


def test_a_page_that_is_not_prometheus_text_is_told(running):
    """With the line."""
    with pytest.raises(MetricError, match="line 1 is not of Prometheus' text format: 'hello'"):
        run(pid=running.process.pid, metrics_url=running.url, metrics=[gauge("m", "m")], duration_s=0.1)


@pytest.mark.parametrize(("path", "problem"), [("nothing", "gives no metrics: the answer was 404")])
def test_a_page_that_is_not_there_is_told(running, path, problem):
    """With the answer."""
    with pytest.raises(RunFailed, match=problem):
        run(
            pid=running.process.pid, metrics_url=running.url + path, metrics=[gauge("m", "m")], duration_s=0.1
        )


SYSTEMCTL = """#!/bin/sh
case "$1" in
restart) date +%s%N > {home}/started; exit 0;;
show) test -f {home}/started && echo ActiveState=active || echo ActiveState=failed
      echo InvocationID=$(cat {home}/started); echo MainPID=42;;
esac
"""


@pytest.fixture
def systemd(tmp_path):
    """A place whose systemctl is a script: it knows one unit, which a restart gives another identity."""
    script = tmp_path / "systemctl"
    script.write_text(SYSTEMCTL.format(home=tmp_path))
    script.chmod(0o755)
    return LocalPlace({"PATH": f"{tmp_path}:/usr/bin:/bin"})


def test_a_unit_is_restarted_before_the_run_and_must_stay_the_same(systemd):
    """So that the config acts on its sockets and memory."""
    restart = {"restart": "systemctl restart web", "unit": "web"}
    ops = {"metrics": [gauge("ops", "ops")]}

    with pytest.raises(RunFailed, match="the unit web is failed, not active"):
        run(place=systemd, unit="web", command="echo ops: 1", **ops)
    assert run(place=systemd, command="echo ops: 1", **restart, **ops)[0].value == 1.0
    with pytest.raises(RunFailed, match="started anew during the run"):
        run(place=systemd, command="echo ops: 1; sleep 0.01; systemctl restart web", **restart, **ops)


def test_a_service_that_its_restart_does_not_bring_back_is_told(running):
    """Not waited for without end."""
    restart = f"kill -9 {running.process.pid}; sleep 0.5"

    with pytest.raises(RunFailed, match="does not run after its restart") as caught:
        run(url=running.url, restart=restart, deadline_s=3.0)

    assert caught.value.kind == "timeout"
    assert "service manager" in caught.value.hint


def test_a_service_is_not_in_a_sandbox():
    """Nobody there would be it."""

    class Sandbox(LocalPlace):
        link = Link(1e9, 0.0, 0.0, 0, 1500, "none")

    with pytest.raises(RunFailed, match="outside the sandbox"):
        run(place=Sandbox(), pid=os.getpid(), command="true", metrics=[gauge("m", "m")])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "exactly one of pid, unit and url"),
        ({"pid": 1, "unit": "web"}, "exactly one of pid, unit and url"),
        ({"pid": 1}, "name a url to ask"),
        ({"pid": 1, "command": "x"}, "name the metrics"),
        ({"url": "ftp://a/"}, "should be like http"),
        ({"url": "http://a:b/"}, "url"),
        ({"unit": "-x"}, "unit"),
        ({"url": "http://a/", "metrics": [gauge("m", "m")]}, "metrics are those of"),
        (
            {"pid": 1, "restart": "x", "command": "x", "metrics": [gauge("m", "m")]},
            "a restart changes the pid",
        ),
        (
            {"pid": 1, "metrics_url": "http://a/", "metrics": [gauge("m", "a b")]},
            "is not like requests_total",
        ),
        ({"pid": 1, "metrics_url": "http://a/", "metrics": ["m"]}, "needs a direction"),
        (
            {"pid": 1, "metrics_url": "http://a/", "command": "x", "metrics": [gauge("m", "m")]},
            "not by both",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_told(options, problem):
    """Before anything is asked."""
    with pytest.raises(PlanError, match=problem):
        Service(options)


def test_a_process_is_known_by_its_start_not_by_its_number_alone(tmp_path):
    """A number is given again; a name may hold brackets and blanks."""
    stat = tmp_path / "7" / "stat"
    stat.parent.mkdir()
    fields = " ".join(str(number) for number in range(4, 22))
    stat.write_text(f"7 (a) Z (b) S {fields} 111 0 0")
    before = attach.ByPid(7, tmp_path).identity()
    stat.write_text(f"7 (a) Z (b) S {fields} 222 0 0")

    assert before == "process 7, started at 111"
    assert attach.ByPid(7, tmp_path).identity() != before
    stat.write_text(f"7 (a) Z {fields} 222 0 0")
    with pytest.raises(RunFailed, match="does not run"):
        attach.ByPid(7, tmp_path).identity()


def test_the_start_time_is_the_kernels():
    """Field 22 of proc(5), for this very process."""
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]

    assert attach.ByPid(os.getpid()).identity() == f"process {os.getpid()}, started at {started}"
    assert 0 < int(started) <= time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def test_a_service_may_close_connections_that_are_idle():
    """Ours are, between two requests at a slow pace: they are opened again, as any client does."""
    impatient = SERVER.replace("def do_GET", "timeout = 0.1\n\n    def do_GET", 1)
    service = Running(server=impatient)
    try:
        *_, requests = run(url=service.url, rate=3.0, clients=1, duration_s=1.2)
    finally:
        service.end()

    assert requests.value > 0
