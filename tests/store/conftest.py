"""Examples of plans, trials and results, and a store to put them into."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kerntune.host import HostFacts
from kerntune.interfaces import Link
from kerntune.model.measurement import Measurement, Metric, Pair, Sample
from kerntune.model.plan import Budget, Direction, Guard, Hint, Objective, Pick, Plan, WorkloadChoice
from kerntune.model.trial import (
    Comparison,
    Ending,
    Failure,
    FailureKind,
    PairDone,
    Result,
    Stage,
    Trial,
    TrialDone,
)
from kerntune.model.verdict import Noise, Outcome, Verdict
from kerntune.store import Setup, Store

WMEM, RMEM = "net.ipv4.tcp_wmem:max", "net.ipv4.tcp_rmem:max"

FACTS = HostFacts(
    kernel="6.18.1",
    kernel_version="#1 SMP",
    architecture="x86_64",
    cpu_model="AMD EPYC",
    cpus=2,
    memory_bytes=25_000_000_000,
    numa_nodes=1,
    virtualization="kvm",
    governor="",
    swap_bytes=0,
    distribution="Debian",
    thp="madvise",
    clocksource="tsc",
)


class Make:
    """Makes model values that look like those of a real study."""

    verdict = Verdict(Outcome.BETTER, 2.4, 2.1, float("inf"), 2)
    setup = Setup(FACTS, "0.1.0", Link(1e9, 0.04, 0.0, 12_500_000, 9000, "forwarder"), {WMEM: 4_194_304})
    plan = Plan(
        goal="bulk file transfer",
        workload=WorkloadChoice("wan_transfer", {"duration_s": 3.0}),
        objective=Objective("throughput", Direction.MAXIMIZE),
        picks=(Pick(WMEM, "the window must hold the path", "ip-sysctl", low=65536, high=1 << 26),),
        hints=(Hint({WMEM: 1 << 24}, "bandwidth times delay"),),
        guards=(Guard("p99_latency", Direction.MINIMIZE, 1.5),),
        budget=Budget(5, 60.0),
    )
    comparison = Comparison(
        Stage.SEARCH, {WMEM: 1 << 24, RMEM: 1 << 20}, {WMEM: 1 << 22, RMEM: 1 << 20}, "hint 1"
    )

    def sample(self, value: float = 250.0, at: float = 1.0) -> Sample:
        metrics = (
            Metric("throughput", value, "Mbit/s", Direction.MAXIMIZE),
            Metric("retransmits", 0.0, "segments", Direction.MINIMIZE),
        )
        return Sample(metrics, 3.01, at, {"cpu.busy_share": 0.4})

    def trial(self, number: int = 1, pairs: int = 2) -> Trial:
        measured = tuple(
            Pair(self.sample(250.0, at), self.sample(850.0, at + 3), at % 2 == 0) for at in range(pairs)
        )
        measurement = Measurement(measured, (self.sample(0.5),))
        return Trial(number, self.comparison, measurement, self.verdict, None, 12.5 * number)

    def failed(self, number: int = 1) -> Trial:
        failure = Failure(FailureKind.TIMEOUT, "did not end within 10 s", "last words \udcff\x00")
        return Trial(number, self.comparison, Measurement(), None, failure, 1.0)

    def events(self, trial: Trial) -> list[PairDone | TrialDone]:
        """Returns what a desk yields for a trial."""
        pairs = (
            PairDone(trial.number, trial.comparison, pair, self.verdict) for pair in trial.measurement.pairs
        )
        return [*pairs, TrialDone(trial)]

    def result(self, ending: Ending = Ending.DONE) -> Result:
        return Result(
            ending=ending,
            verdict=self.verdict,
            best_config={WMEM: 1 << 24},
            minimal_config={WMEM: 1 << 24},
            baseline=250.0,
            best=850.0,
            noise=Noise(0.01, 0.02, float("nan"), 5),
            trials=2,
            failures=1,
            benchmark_s=12.0,
            wall_s=13.0,
            notes=("gp needs torch",),
            importance={WMEM: 0.9},
        )


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "kerntune" / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened
