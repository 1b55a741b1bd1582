"""Servers that are killed while they are measured, by somebody else or for want of memory."""

import threading
from pathlib import Path

import pytest

from kerntune.errors import RunFailed
from kerntune.testing.workload import Watched
from kerntune.workloads.http import Http
from kerntune.workloads.memcached import Memcached
from kerntune.workloads.pgbench import Pgbench
from kerntune.workloads.redis import Redis

CASES = [
    (Redis, {"keys": 1000, "requests": 50_000_000}, "redis-server", "redis-benchmark"),
    (Memcached, {"keys": 1000, "duration_s": 30.0}, "memcached", "memcached.py"),
    (Http, {"duration_s": 4.0}, "nginx", "wrk"),
    (Http, {"duration_s": 4.0, "content": "proxied"}, "nginx", "wrk"),
    pytest.param(
        Pgbench,
        {"scale": 1, "clients": 2, "duration_s": 30.0, "buffers_mib": 32},
        "postgres",
        "prepared",
        marks=pytest.mark.slow,
    ),
]


class Killing(Watched):
    """A place where a server is killed a moment after its load has begun."""

    def __init__(self, place, server, load):
        super().__init__(place)
        self.server, self.load, self.found = server, load, None

    def start(self, argv, host, stdout, stderr, *, privileged=False):
        started = super().start(argv, host, stdout, stderr, privileged=privileged)
        programs = [Path(word).name for word in argv if word.startswith("/")]
        if self.server in programs:
            self.found = started._process._process
        elif self.load in {*programs, *argv}:
            threading.Timer(0.3, self.found.kill).start()
        return started


@pytest.mark.parametrize(("make", "options", "server", "load"), CASES)
def test_a_server_that_is_killed_under_load_is_what_failed(ordinary, make, options, server, load):
    """Not its client, and nothing is left; the next run does not suffer from it."""
    place = Killing(ordinary, server, load)
    workload = make(options)
    if make is Pgbench:
        workload.prepare(ordinary)

    with pytest.raises(RunFailed, match=f"{server}.* ended by signal 9") as caught:
        workload.run(place, 60.0)

    assert caught.value.kind == "exit"
    assert place.end_left() == 0
    if make is Pgbench:
        Pgbench({**options, "duration_s": 1.0}).run(ordinary, 60.0)
