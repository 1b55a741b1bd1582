import socket
import threading
import time

import pytest

from kerntune.errors import PlanError, RunFailed
from kerntune.testing.workload import check_workload
from kerntune.workloads import redis
from kerntune.workloads.redis import Redis
from kerntune.workloads.server import free_port, serving

SMALL = {"keys": 2000, "requests": 20_000, "clients": 4}


@pytest.mark.parametrize("test", ["get", "set"])
def test_a_real_redis_is_measured(ordinary, test):
    """Both of its tests, each with a fresh server, and nothing is left."""
    check_workload(Redis, {**SMALL, "test": test}, ordinary, deadline_s=60)


def test_wrong_options_are_told():
    """Before anything is started."""
    with pytest.raises(PlanError, match="pipeline"):
        Redis({"pipeline": 0})


class Silent:
    """A server left over on a port: it accepts and answers everything with OK, or with what it is told."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.answer = answer
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        peer, _ = self.listener.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(self.answer)

    def close(self):
        self.thread.join(20)
        self.listener.close()


def test_another_redis_on_the_port_is_not_taken_for_ours():
    """It does not know the secret of the run."""
    other = Silent(b"-ERR AUTH <password> called without any password configured\r\n")
    try:
        assert not redis._is_ours(other.address, "secret")
    finally:
        other.close()


def test_a_port_in_use_is_told_and_the_other_redis_is_not_measured(ordinary):
    """Two real ones: ours dies, and its last words say why."""
    address = ("127.0.0.1", free_port("127.0.0.1"))
    deadline = time.monotonic() + 30

    def served(secret):
        argv = [redis.need("redis-server"), *redis._settings(address, secret)]
        ready = lambda: redis._is_ours(address, secret)  # noqa: E731 - what it waits for
        return serving(ordinary, "local", argv, ready, deadline=deadline)

    with (
        served("theirs"),
        pytest.raises(RunFailed, match="ended with status 1") as caught,
        served("ours"),
    ):
        pytest.fail("another server answers there")

    assert "Address already in use" in caught.value.tail


def test_an_answer_in_pieces_or_none_at_all():
    """A connection that is closed is no answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"+O")
        theirs.sendall(b"K\r\n")
        redis._ask(ours, "AUTH", "secret")
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionError, match="closed"):
            redis._ask(ours, "AUTH", "secret")


def test_a_fill_that_takes_too_long_fails_the_run(ordinary):
    """And the server is gone."""
    with pytest.raises(RunFailed) as caught:
        Redis({**SMALL, "keys": 50_000_000}).run(ordinary, 2.0)

    assert caught.value.kind == "timeout"


def test_values_beyond_the_free_memory_are_refused(ordinary):
    """Before the server is started: it would take all, and the kernel end somebody's program."""
    with pytest.raises(RunFailed, match=r"redis of \d+ MiB does not fit") as caught:
        Redis({"keys": 100_000_000, "value_bytes": 1 << 20}).run(ordinary, 20.0)

    assert "value_bytes" in caught.value.hint
