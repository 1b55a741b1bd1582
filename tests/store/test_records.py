"""Whether the process that carries out a run still lives, also where process numbers are used again."""

import os
import time
from dataclasses import replace

import pytest

from kerntune.store import Owner, RunState
from kerntune.store.records import SILENCE_S, present_state


def test_this_process_lives():
    """And is told from a later process with its number by its start, from one before a reboot by the boot."""
    me = Owner.of()

    assert me.pid == os.getpid()
    assert me.is_alive() is True
    assert replace(me, started=me.started + 1).is_alive() is False
    assert replace(me, boot_id="another boot").is_alive() is False


def test_a_process_of_another_namespace_cannot_be_seen():
    """A container's run, looked at from outside: alive as long as something was stored within the hour."""
    other = replace(Owner.of(), pid_namespace="pid:[1]", started=1)

    assert other.is_alive() is None
    assert present_state(RunState.RUNNING, other, SILENCE_S / 2) is RunState.RUNNING
    assert present_state(RunState.RUNNING, other, SILENCE_S * 2) is RunState.DIED


def test_a_process_that_is_gone_or_a_zombie_is_dead():
    """Its number is free, or waits to be reaped."""
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        os._exit(0)
    owner = Owner.of(child)
    assert owner.is_alive() is True

    os.write(go, b"x")
    deadline = time.monotonic() + 10
    while owner.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert owner.is_alive() is False
    os.waitpid(child, 0)
    assert owner.is_alive() is False
    os.close(ready)
    os.close(go)


@pytest.mark.parametrize("state", [RunState.DONE, RunState.INTERRUPTED, RunState.FAILED])
def test_only_a_running_run_can_die(state):
    """What has ended stays as it ended."""
    gone = replace(Owner.of(), started=1)

    assert present_state(state, gone, 1e9) is state
    assert present_state(RunState.RUNNING, gone, 0.0) is RunState.DIED


def test_a_name_with_blanks_and_brackets_is_no_trap(tmp_path):
    """The second field of /proc/PID/stat is whatever the program calls itself."""
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", *map(str, range(4, 22)), "4711", "23"])
    (tmp_path / "7" / "stat").write_text(f"7 (a) b (c) {fields}\n")

    assert Owner.of(7, tmp_path).started == 4711
