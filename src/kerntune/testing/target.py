"""The conformance suite for targets: each check takes an opened target and raises AssertionError.

A target is fit for kerntune when `check_all` passes with a config of two or more knobs whose values differ
from the present ones. The checks start `/bin/sh` on the target's hosts, and nothing else.
"""

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kerntune.errors import HandError, WorkloadError
from kerntune.interfaces import Place, Process, Target
from kerntune.model.knob import Absence, Config

PATIENCE_S = 20.0
"""How long a check waits for a program before it calls it lost."""


@dataclass(slots=True)
class Output:
    """What a program under check prints; `process` is the program."""

    process: Process
    source: int
    text: str = ""
    is_closed: bool = field(default=False)

    def read(self, until: str = "") -> str:
        """Returns everything printed until `until` appears, or until every writer is gone."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_closed and not (until and until in self.text):
            readable, _, _ = select.select([self.source], (), (), deadline - time.monotonic())
            assert readable, f"the program printed no {until or 'end'!r}: {self.text!r}"
            data = os.read(self.source, 1 << 16)
            self.is_closed = not data
            self.text += data.decode()
        return self.text


@contextmanager
def running(place: Place, script: str, host: str) -> Iterator[Output]:
    """Runs a shell script on a host; ends it when the block is left."""
    source, sink = os.pipe()
    try:
        try:
            process = place.start(["/bin/sh", "-c", script], host, sink, sink)
        finally:
            os.close(sink)
        try:
            yield Output(process, source)
        finally:
            process.end()
    finally:
        os.close(source)


def check_present_values(target: Target, config: Config) -> None:
    """Every knob has a present value, of the same type as the config's."""
    readings = target.read(config)

    assert set(readings) == set(config), f"asked for {set(config)}, got {set(readings)}"
    for name, value in config.items():
        assert type(readings[name]) is type(value), f"{name} reads {readings[name]!r}"
        assert readings[name] != value, f"{name} is {value!r} already: choose another value for this check"


def check_unknown_knob(target: Target, config: Config) -> None:
    """A knob that nobody knows is absent, and cannot be applied."""
    unknown = "kerntune.no.such.knob"
    reading = target.read([unknown])[unknown]
    refused = False
    try:
        with target.applied({**config, unknown: 1}):
            pass
    except HandError:
        refused = True

    assert isinstance(reading, Absence), f"an unknown knob reads {reading!r}"
    assert refused, "an unknown knob was applied"
    check_present_values(target, config)


def check_applied_and_undone(target: Target, config: Config) -> None:
    """A config can be applied again and again, and is gone each time the block is left."""
    before = target.read(config)
    for _ in range(2):
        with target.applied(config) as place:
            assert place.hosts, "a place has a host"

        assert target.read(config) == before


def check_undone_after_an_error(target: Target, config: Config) -> None:
    """An error in the block goes through, and the config is undone all the same."""
    before = target.read(config)
    seen = False
    try:
        with target.applied(config):
            msg = "the run failed"
            raise WorkloadError(msg)
    except WorkloadError:
        seen = True

    assert seen, "the error of the block was swallowed"
    assert target.read(config) == before


def check_programs(target: Target, config: Config) -> None:
    """Programs run on every host; output, exit status and signals are reported as they are."""
    with target.applied(config) as place:
        for host in place.hosts:
            with running(place, "echo out; echo err >&2; exit 7", host) as output:
                assert sorted(output.read().split()) == ["err", "out"]
                assert output.process.wait(PATIENCE_S) == 7
                assert output.process.wait(0.0) == 7, "the status is forgotten after the first look"
            with running(place, "kill -9 $$", host) as output:
                assert output.process.wait(PATIENCE_S) == -9


def check_missing_program(target: Target, config: Config) -> None:
    """A program that does not exist cannot be started."""
    refused = False
    with target.applied(config) as place:
        try:
            place.start(["/no/such/program"], place.hosts[0], 1, 2)
        except WorkloadError:
            refused = True

    assert refused, "a missing program was started"


def check_wait_gives_up(target: Target, config: Config) -> None:
    """Waiting for a program that runs on returns None in time; ending it twice does no harm."""
    with target.applied(config) as place, running(place, "echo up; sleep 600", place.hosts[0]) as output:
        output.read(until="up")

        assert output.process.wait(0.05) is None
        output.process.end()
        output.process.end()
        assert output.process.wait(0.0) != 0, "a program that was killed ended well"


def check_children_end(target: Target, config: Config) -> None:
    """Ending a program ends what it left behind: nobody holds its output open any more."""
    script = "(sleep 600 &); setsid sleep 600 & echo up; exit 0"
    with target.applied(config) as place, running(place, script, place.hosts[0]) as output:
        output.read(until="up")
        assert output.process.wait(PATIENCE_S) == 0
        output.process.end()

        output.read()
        assert output.is_closed


def check_counters(target: Target, config: Config) -> None:
    """Every host has network counters, named after it, that never go back."""
    with target.applied(config) as place:
        before = place.network_counters()
        after = place.network_counters()

        for host in place.hosts:
            assert f"{host}.Tcp.RetransSegs" in before
        assert all(after[name] >= value for name, value in before.items() if "Tcp.CurrEstab" not in name)


def check_addresses(target: Target, config: Config) -> None:
    """Every host has an address, and two hosts have two and a link."""
    with target.applied(config) as place:
        addresses = {place.address(host) for host in place.hosts}

        assert len(addresses) == len(place.hosts)
        assert (place.link is None) == (len(place.hosts) == 1)


CHECKS = (
    check_present_values,
    check_unknown_knob,
    check_applied_and_undone,
    check_undone_after_an_error,
    check_programs,
    check_missing_program,
    check_wait_gives_up,
    check_children_end,
    check_counters,
    check_addresses,
)
"""Every check, each a function of an opened target and a config."""


def check_all(target: Target, config: Config) -> None:
    """Runs every check.

    Raises:
        AssertionError: the target does not do what kerntune needs; the message says what.
    """
    for check in CHECKS:
        check(target, config)
