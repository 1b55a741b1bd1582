import sys
import time

import pytest

from kerntune.errors import RunFailed
from kerntune.testing.local import LocalPlace
from kerntune.testing.workload import Watched
from kerntune.workloads.server import serving

LISTEN = "import time; print('listening', flush=True); time.sleep(600)"


def server(script):
    return [sys.executable, "-I", "-S", "-c", script]


def serve(script, *, ready=lambda: True, deadline_s=20.0, stop=(), place=None):
    deadline = time.monotonic() + deadline_s
    return serving(place or LocalPlace(), "local", server(script), ready, deadline=deadline, stop=stop)


def fail(tail, running, after=None):
    """Fails as a client does, when the server has ended or has printed something."""
    while (after not in running.tail) if after else (running._process.wait(20.0) is None):
        time.sleep(0.01)
    msg = "connection refused"
    raise RunFailed(msg, kind="exit", tail=tail)


def test_a_server_is_ended_with_its_block():
    """Nothing of it is left."""
    place = Watched(LocalPlace())

    with serve(LISTEN, place=place) as running:
        running.check()

    assert place.end_left() == 0


def test_a_server_that_does_not_start_shows_the_end_of_its_log():
    """At once, not when the time is up."""
    with (
        pytest.raises(RunFailed, match="ended with status 3") as caught,
        serve("import sys; print('no such disk'); sys.exit(3)", ready=lambda: False, deadline_s=600),
    ):
        pytest.fail("it never started")

    assert caught.value.kind == "exit"
    assert caught.value.tail == "no such disk"


def test_a_server_that_is_never_ready_is_ended():
    """With its log, and as a lack of time."""
    with (
        pytest.raises(RunFailed, match="not ready in time") as caught,
        serve(LISTEN, ready=lambda: False, deadline_s=0.5),
    ):
        pytest.fail("it never was ready")

    assert caught.value.kind == "timeout"


def test_another_server_that_answers_is_not_taken_for_ours():
    """Ours died because the port was taken; whoever answers there is somebody else."""
    place = Watched(LocalPlace())

    def ready():
        return place._left[0].wait(20.0) is not None

    with (
        pytest.raises(RunFailed, match="ended with status 1") as caught,
        serve("import sys; sys.stdin.read(); sys.exit('Address already in use')", ready=ready, place=place),
    ):
        pytest.fail("that was another server")

    assert "Address already in use" in caught.value.tail


def test_a_server_that_dies_during_the_run_is_what_failed():
    """Its client's own failure follows from it."""
    with (
        pytest.raises(RunFailed, match="ended with status 7"),
        serve("import sys, time; time.sleep(0.1); sys.exit(7)") as running,
    ):
        fail("", running)


def test_a_server_that_dies_unnoticed_fails_the_run():
    """Though its client was content."""
    with (
        pytest.raises(RunFailed, match="ended by signal 9"),
        serve("import os, time; time.sleep(0.1); os.kill(os.getpid(), 9)") as running,
    ):
        running._process.wait(20.0)


def test_the_failure_of_a_client_shows_the_servers_log_too():
    """The reason often stands there."""
    script = "print('too many files', flush=True);" + LISTEN
    with pytest.raises(RunFailed, match="refused") as caught, serve(script) as running:
        fail("what the client said", running, after="too many files")

    assert caught.value.tail.startswith("what the client said\ntoo many files")


def test_a_server_is_stopped_in_order_where_it_has_a_way(tmp_path):
    """What it does last, it can do."""
    stop = tmp_path / "stop"
    script = f"""
import pathlib, time
while not pathlib.Path({str(stop)!r}).exists(): time.sleep(0.01)
pathlib.Path({str(tmp_path / "done")!r}).write_text("written")
"""
    waited = f'touch "{stop}"; while ! test -s "{tmp_path}/done"; do sleep 0.02; done'

    with serve(script, stop=["/bin/sh", "-c", waited]):
        pass

    assert (tmp_path / "done").read_text() == "written"


def test_a_failure_is_told_though_the_server_cannot_be_stopped_yet(tmp_path):
    """The way to stop it is tried again until it works; what failed first is what counts."""
    stop = f"test -e {tmp_path}/tried && touch {tmp_path}/stop; touch {tmp_path}/tried; false"
    script = f"""
import pathlib, time
while not pathlib.Path({str(tmp_path / "stop")!r}).exists(): time.sleep(0.01)
"""
    with (
        pytest.raises(RunFailed, match="not ready in time"),
        serve(script, ready=lambda: False, deadline_s=0.0, stop=["/bin/sh", "-c", stop]),
    ):
        pytest.fail("it never was ready")

    assert (tmp_path / "stop").exists()


def test_a_server_that_is_not_there_is_named():
    """Not a traceback."""
    with (
        pytest.raises(RunFailed, match="no-such-server cannot be started"),
        serving(LocalPlace(), "local", ["no-such-server"], lambda: True, deadline=time.monotonic() + 9),
    ):
        pytest.fail("it does not exist")
