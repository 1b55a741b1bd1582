"""Forked children and what they hold."""

import errno
import os
import time
from dataclasses import replace

import pytest

from kerntune.errors import HandError
from kerntune.hand.draft import draft
from kerntune.hand.panel import Panel
from kerntune.hand.processes import forked, park, within


def status_of(act):
    return os.waitstatus_to_exitcode(os.waitpid(forked(act), 0)[1])


def test_parked_files_keep_their_numbers(tmp_path):
    """A forgotten object that closes its file later must not close one that took the number."""

    def act():
        out, into = os.pipe()
        park([out, 2])
        opened = os.open(os.devnull, os.O_RDONLY)
        return 0 if opened > into and os.path.samestat(os.fstat(into), os.stat(os.devnull)) else 1  # noqa: PTH116

    assert status_of(act) == 0


def test_a_parked_pipe_ends():
    """Nobody holds its other end any more."""
    out, into = os.pipe()

    def act():
        park([out, 2])
        return 0 if os.read(out, 1) == b"" else 1

    pid = forked(act)
    os.close(into)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(out)


def test_a_write_that_blocks_is_given_up(panel, memory):
    """The hand answers although the kernel does not."""
    knob = replace(panel.knob("net.ipv4.ip_default_ttl"), may_block=True)
    memory.makes = lambda name, words: time.sleep(60)

    with pytest.raises(OSError, match="no answer within") as caught:
        replace(panel, deadline_s=0.05).write(knob, ("33",))

    assert caught.value.errno == errno.ETIMEDOUT


def test_the_kernels_answer_comes_back_from_the_child(panel, memory):
    """A refusal is a refusal, wherever it was met."""
    knob = replace(panel.knob("net.ipv4.ip_default_ttl"), may_block=True)
    memory.makes = lambda name, words: None

    with pytest.raises(OSError, match="Invalid argument"):
        panel.write(knob, ("33",))


def test_the_child_holds_nothing_of_ours():
    """A child that hangs for ever must not keep the journal's lock or a pipe's end."""
    out, into = os.pipe()

    with pytest.raises(OSError, match="No such device"):
        within(5, lambda: _complain_if_open(into))

    os.close(out)
    os.close(into)


def _complain_if_open(number):
    parked = os.path.samestat(os.fstat(number), os.stat(os.devnull))  # noqa: PTH116
    raise OSError(errno.ENODEV if parked else errno.EBUSY, "told")


def test_a_missing_knob_is_absent_for_a_transaction(catalog, memory):
    """And not a refusal: the difference is told to the user."""
    del memory.files["net.ipv4.ip_default_ttl"]

    with pytest.raises(HandError) as caught:
        draft({"net.ipv4.ip_default_ttl": 33}, Panel(catalog, {"sysctl": memory}), 1, {})

    assert caught.value.kind == "absent"
