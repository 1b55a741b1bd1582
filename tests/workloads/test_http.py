import shutil

import pytest

from kerntune.errors import MetricError, PlanError, RunFailed
from kerntune.testing.workload import check_workload
from kerntune.workloads import http
from kerntune.workloads.http import Http, HttpOptions
from kerntune.workloads.server import serving


@pytest.mark.parametrize("connections", ["keep-alive", "short"])
@pytest.mark.parametrize("content", ["static", "proxied"])
def test_a_real_nginx_is_measured(ordinary, connections, content):
    """All four ways, each with fresh servers, and nothing is left."""
    options = {"connections": connections, "content": content, "duration_s": 1.0, "clients": 4}

    check_workload(Http, options, ordinary, deadline_s=60)


def test_the_largest_page_is_made_and_served(ordinary):
    """It is longer than what a program can be told."""
    largest = HttpOptions(page_bytes=1 << 20, clients=2, duration_s=1.0)

    requests, _ = Http(largest.model_dump()).run(ordinary, 60.0)

    assert requests.value > 0


@pytest.mark.parametrize("duration_s", [0.5, 1.5])
def test_a_load_lasts_whole_seconds(duration_s):
    """Neither wrk nor ab knows others."""
    with pytest.raises(PlanError, match="duration_s"):
        Http({"duration_s": duration_s})


@pytest.mark.parametrize("clients", [2, 9, 64, 97])
def test_wrk_is_as_many_clients_as_it_was_told(clients):
    """It gives each thread the same number, and drops the rest."""
    threads, connections = (int(word[2:]) for word in http._wrk(HttpOptions(clients=clients), "")[:2])

    assert connections == clients
    assert connections % threads == 0


def test_the_load_generator_does_not_depend_on_the_path(monkeypatch):
    """Their figures differ: wrk is taken where it is installed."""
    usual = http.generator()
    monkeypatch.setenv("PATH", "/nonexistent")

    assert http.generator() == usual


def test_ab_can_make_the_load_as_well(ordinary):
    """Where there is no wrk; its report has what is read."""
    options = HttpOptions(clients=4, duration_s=1.0)
    workload = Http(options.model_dump())
    with workload._served(ordinary, float("inf")) as url:
        printed = http.execute(ordinary, "local", ["ab", *http._ab(options, url)], deadline_s=30).stdout

    http._refuse_errors("ab", printed)
    assert float(http.READERS["ab"](printed, "requests_per_second")[0]) > 0
    assert len(http.READERS["ab"](printed, "p99")) == 1


def test_answers_that_are_errors_are_no_figure():
    """A server that fails is quick."""
    printed = "  Non-2xx or 3xx responses: 12\nRequests/sec: 99999.0\n"

    with pytest.raises(MetricError, match="non_2xx: 12"):
        http._refuse_errors("wrk", printed)


def test_a_port_in_use_is_told_and_the_other_server_is_not_measured(ordinary):
    """Our nginx dies, and its last words say why."""
    home = ordinary.scratch("local") / "web"
    with http.passing_directory(ordinary, "local", "web"):
        http.write_file(ordinary, "local", home / http._PAGE, "x")
        first = http._Nginx(home / "first.conf", "127.0.0.1", kept=True)
        second = http._Nginx(home / "second.conf", "127.0.0.1", kept=True)
        with first.serving(ordinary, "local", f"root {home};", float("inf")) as port:
            http.write_file(ordinary, "local", second.file, second._configuration(port, "secret", ""))
            argv = [shutil.which("nginx"), "-e", "stderr", "-p", f"{home}/", "-c", str(second.file)]
            ready = serving(
                ordinary, "local", argv, lambda: second._is_ready(port, "secret"), deadline=float("inf")
            )
            with pytest.raises(RunFailed, match="ended with status 1") as caught, ready:
                pytest.fail("another server answers there")

    assert "Address already in use" in caught.value.tail
