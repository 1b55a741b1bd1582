"""Interrupts: a signal stops a study once, at a moment when it can take it."""

import os
import signal

import pytest

from kerntune.app.interrupts import SIGNALS, Interrupts


def test_a_signal_interrupts_inside_an_allowed_block():
    """The workload's run is left at once."""
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.allowed():
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_outside_waits():
    """While an event is stored nothing is torn apart; the signal is not lost."""
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)

        assert interrupts.pending


def test_a_second_signal_does_not_disturb_the_undoing():
    """Everything is being undone already."""
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            os.kill(os.getpid(), signal.SIGINT)
        with interrupts.allowed():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGHUP)
        interrupts.pending = False


def test_handlers_are_as_before_afterwards():
    """Whoever called us keeps their own handlers."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts():
        assert [signal.getsignal(number) for number in SIGNALS] != before

    assert [signal.getsignal(number) for number in SIGNALS] == before
