import socket

import pytest

from kerntune.errors import PlanError, RunFailed
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import check_workload
from kerntune.workloads.load.memcached import WORKERS, Line, Load, measured
from kerntune.workloads.memcached import Memcached

SMALL = {"keys": 2000, "duration_s": 0.2, "clients": 4}
SETTINGS = {
    "address": "127.0.0.1",
    "port": "1",
    "keys": "100",
    "keys_at_once": "3",
    "value_bytes": "10",
    "ratio": "read",
    "clients": "2",
    "duration_s": "1",
}


@pytest.mark.parametrize("ratio", ["read", "mixed"])
def test_a_real_memcached_is_measured(ordinary, ratio):
    """With a fresh server for every run, and nothing is left."""
    check_workload(Memcached, {**SMALL, "ratio": ratio}, ordinary, deadline_s=60)


def test_wrong_options_are_told():
    """Before anything is started."""
    with pytest.raises(PlanError, match="ratio"):
        Memcached({"ratio": "write"})


def test_memcached_as_root_shows_why_it_does_not_start(tmp_path):
    """It refuses, and its own words are shown."""
    place = LocalPlace({"PATH": "/usr/bin"}, scratch=tmp_path)
    try:
        Memcached(SMALL).run(place, 20.0)
    except RunFailed as error:
        assert "root" in error.tail  # noqa: PT017 - an ordinary account sees no error


def test_the_length_of_every_answer_is_known():
    """A get's with its three values, a set's with its one word."""
    answers = {request[:3]: length for request, length in Load({**SETTINGS, "ratio": "mixed"}).requests(1)}

    value = b"VALUE key:000000000000 0 10\r\nxxxxxxxxxx\r\n"
    assert answers == {b"get": 3 * len(value) + len(b"END\r\n"), b"set": len(b"STORED\r\n")}


def test_a_key_that_is_missing_ends_the_run():
    """It was evicted, or the server is not ours: a miss is quick."""
    listener = socket.create_server(("127.0.0.1", 0))
    line = Line(listener.getsockname(), [(b"get a b\r\n", 100)], 0)
    peer, _ = listener.accept()
    with listener, peer, line.socket:
        line.ask()
        peer.sendall(b"VALUE a 0 1\r\nx\r\nEND\r\n")

        with pytest.raises(ConnectionError, match="a key is missing"):
            line.take()


def test_every_client_is_there():
    """Also where the processes cannot have equally many."""
    load = Load({**SETTINGS, "clients": "17"})

    assert sum(load.connections(number) for number in range(WORKERS)) == 17


def test_what_is_asked_is_made_before_the_first_process_starts():
    """Each making its own, one would wait for the other, and the waiting would be in the figure."""

    class Counted(Load):
        made = 0

        def requests(self, seed):
            self.made += 1
            return super().requests(seed)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        load = Counted({**SETTINGS, "port": str(listener.getsockname()[1]), "duration_s": "0.1"})
        count, _, latencies = measured(load)

    assert (load.made, count, latencies) == (1, 0, [])


def test_values_beyond_the_free_memory_are_refused(ordinary):
    """Before the server is started: it would take all, and the kernel end somebody's program."""
    with pytest.raises(RunFailed, match=r"memcached of \d+ MiB does not fit") as caught:
        Memcached({"keys": 100_000_000, "value_bytes": 100_000}).run(ordinary, 20.0)

    assert "value_bytes" in caught.value.hint
