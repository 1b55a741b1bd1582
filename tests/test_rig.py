"""The rig: runs are undone whatever happens, patience ends a pair, telemetry is kept."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kerntune.errors import RunFailed
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.knob import Config, Reading
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.rig import SLACK_S, WorkloadRig

DEFAULT = {"net.core.somaxconn": 4096}
TUNED = {"net.core.somaxconn": 65535}


@dataclass
class FakePlace:
    """A place on which nothing is ever started; its counters grow by one a look."""

    config: Config
    looks: int = 0
    hosts: tuple[str, ...] = ("host",)
    link: Link | None = None

    def address(self, host: str) -> str:
        return "127.0.0.1"

    def scratch(self, host: str) -> Path:
        raise AssertionError

    def start(
        self, argv: Sequence[str], host: str, stdout: int, stderr: int, *, privileged: bool = False
    ) -> None:
        raise AssertionError

    def network_counters(self) -> Mapping[str, float]:
        self.looks += 1
        return {"host.Tcp.OutSegs": float(self.looks)}


@dataclass
class FakeTarget:
    """Remembers what was applied and undone."""

    log: list[tuple[str, Config]] = field(default_factory=list)
    name: str = "fake"
    devices: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"device": ("eth0",)})

    def read(self, knobs: object) -> Mapping[str, Reading]:
        return {}

    @contextmanager
    def applied(self, config: Config) -> Iterator[FakePlace]:
        self.log.append(("applied", config))
        try:
            yield FakePlace(config)
        finally:
            self.log.append(("undone", config))


@dataclass
class FakeWorkload:
    """Gives the numbers it was told to, by config; records the deadlines it was given."""

    values: Mapping[int, Mapping[str, float]]
    slow: bool = False
    deadlines: list[float] = field(default_factory=list)
    name: str = "fake"
    longest_s: float = 60.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:
        return ()

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        self.deadlines.append(deadline_s)
        assert isinstance(place, FakePlace)
        setting = int(place.config["net.core.somaxconn"])
        if self.slow and place.config == TUNED:
            msg = "did not end"
            raise RunFailed(msg, kind="timeout", tail="still here")
        return tuple(
            Metric(name, value, "", Direction.MAXIMIZE) for name, value in self.values[setting].items()
        )


def test_pair_runs_neighbours_in_the_order_asked_and_undoes_each():
    """Each run has its config applied anew and undone before the next one begins."""
    target = FakeTarget()
    rig = WorkloadRig(target, FakeWorkload({4096: {"speed": 100.0}, 65535: {"speed": 120.0}}))

    pair = rig.pair(TUNED, DEFAULT, reference_first=False)

    assert target.log == [("applied", TUNED), ("undone", TUNED), ("applied", DEFAULT), ("undone", DEFAULT)]
    assert (pair.candidate["speed"].value, pair.reference["speed"].value) == (120.0, 100.0)
    assert not pair.reference_first


def test_pair_keeps_telemetry_of_each_run():
    """What the kernel counted during the run stands with the sample."""
    rig = WorkloadRig(FakeTarget(), FakeWorkload({4096: {"speed": 100.0}}))

    sample = rig.sample(DEFAULT)

    assert any(name.endswith("host.Tcp.OutSegs") and value == 1.0 for name, value in sample.telemetry.items())


def test_candidate_far_slower_than_the_reference_is_cut_short():
    """The deadline of a candidate follows what the reference takes, and the failure says which it was."""
    target = FakeTarget()
    workload = FakeWorkload({4096: {"speed": 1.0}}, slow=True)
    rig = WorkloadRig(target, workload)

    with pytest.raises(RunFailed, match="cut short") as caught:
        rig.pair(TUNED, DEFAULT, reference_first=True)

    assert caught.value.kind == "cut short"
    assert caught.value.tail == "still here"
    assert workload.deadlines[0] == 60.0
    assert SLACK_S <= workload.deadlines[1] < 10.0
    assert target.log[-1] == ("undone", TUNED)
