"""The desk: numbers trials, turns errors into failures, keeps the clock, and replays the past."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import pytest

from kerntune.desk import Desk, failure_of
from kerntune.errors import HandError, KerntuneBug, KerntuneError, MetricError, RunFailed, TargetError
from kerntune.judge import Ruling
from kerntune.model.knob import Config
from kerntune.model.measurement import Metric, Pair, Sample
from kerntune.model.plan import Direction, Guard
from kerntune.model.trial import Comparison, Event, FailureKind, PairDone, Stage, Trial, TrialDone
from kerntune.model.verdict import Outcome, Verdict


def sample(value: float) -> Sample:
    return Sample((Metric("speed", value, "1/s", Direction.MAXIMIZE),), wall_s=2.0)


@dataclass
class FakeRig:
    """Gives the same pair again and again, or raises; remembers the order it was asked for."""

    error: KerntuneError | None = None
    orders: list[bool] = field(default_factory=list)
    warmups: int = 0

    def sample(self, config: Config) -> Sample:
        self.warmups += 1
        return sample(1.0)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        if self.error is not None:
            raise self.error
        self.orders.append(reference_first)
        return Pair(sample(100.0), sample(110.0), reference_first)


@dataclass
class FakeClock:
    """A clock that goes on by one second whenever it is looked at."""

    now: float = 1000.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def until(count: int):
    """Returns a rule that is satisfied after `count` pairs."""

    def rule(pairs: Sequence[Pair]) -> Ruling:
        verdict = Verdict(Outcome.UNDECIDED, 0.1, 0.0, 0.2, len(pairs))
        return Ruling(verdict, finished=len(pairs) >= count)

    return rule


def carried_out(steps: Generator[Event, None, Trial]) -> tuple[list[Event], Trial]:
    events: list[Event] = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return events, stop.value


def comparison(value: int, stage: Stage = Stage.SEARCH) -> Comparison:
    return Comparison(stage, {"net.core.somaxconn": value}, {"net.core.somaxconn": 4096}, "test")


def test_trial_measures_until_the_rule_is_satisfied():
    """Three pairs, each an event of its own, and the warm-ups apart."""
    rig = FakeRig()
    desk = Desk(rig)

    events, trial = carried_out(desk.trial(comparison(1), until(3), warmups=2))

    assert [type(event) for event in events] == [PairDone, PairDone, PairDone, TrialDone]
    assert len(trial.measurement.pairs) == 3
    assert len(trial.measurement.warmups) == 2


def test_the_order_within_pairs_is_a_coin_that_can_be_thrown_again():
    """About half of the pairs begin with the reference, in no rhythm; the same seed gives the same order."""
    rigs = [FakeRig(), FakeRig(), FakeRig()]
    for rig, seed in zip(rigs, (7, 7, 8), strict=True):
        desk = Desk(rig, seed=seed)
        carried_out(desk.trial(comparison(1), until(150)))
        for value in range(50):
            carried_out(desk.trial(comparison(value), until(1)))
    orders = rigs[0].orders

    assert 70 < sum(orders) < 130
    for period in (2, 3, 4, 5):
        assert 60 < sum(a == b for a, b in zip(orders, orders[period:], strict=False)) < 140
    assert orders == rigs[1].orders
    assert orders != rigs[2].orders


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RunFailed("hangs", kind="timeout"), FailureKind.TIMEOUT),
        (RunFailed("slow", kind="cut short"), FailureKind.CUT_SHORT),
        (RunFailed("flood", kind="output"), FailureKind.OUTPUT),
        (RunFailed("bad", kind="exit"), FailureKind.EXIT),
        (RunFailed("p99", kind="guard"), FailureKind.GUARD),
        (MetricError("two"), FailureKind.METRIC),
        (HandError("EINVAL"), FailureKind.REFUSED),
        (HandError("other", kind="interference"), FailureKind.INTERFERENCE),
        (TargetError("gone"), FailureKind.TARGET),
    ],
)
def test_an_error_becomes_a_failure_and_never_a_number(error: KerntuneError, kind: FailureKind):
    """Every kind of error has its own reason; the trial has no verdict."""
    desk = Desk(FakeRig(error))

    _, trial = carried_out(desk.trial(comparison(1), until(1)))

    assert trial.failure == failure_of(error)
    assert trial.failure.kind is kind
    assert trial.verdict is None
    assert desk.failures_in_a_row == 1


GUARD = Guard("speed", Direction.MINIMIZE, 1.01)


def test_a_config_that_breaks_a_guard_fails():
    """The rig's candidate is 1.1 times its neighbour in every pair."""
    _, trial = carried_out(Desk(FakeRig(), guards=[GUARD]).trial(comparison(1), until(5)))

    assert trial.failure is not None
    assert trial.failure.kind is FailureKind.GUARD
    assert len(trial.measurement.pairs) == 1


def test_the_present_values_break_no_guard():
    """Beside themselves they show noise, and noise is no reason to stop."""
    default = {"net.core.somaxconn": 4096}
    audit = Comparison(Stage.AUDIT, default, default, "default beside itself")

    _, trial = carried_out(Desk(FakeRig(), guards=[GUARD]).trial(audit, until(5)))

    assert trial.failure is None


def test_a_success_ends_the_row_of_failures():
    """Only failures without a success between them count."""
    rig = FakeRig(MetricError("none"))
    desk = Desk(rig)
    carried_out(desk.trial(comparison(1), until(1)))
    carried_out(desk.trial(comparison(2), until(1)))
    assert desk.failures_in_a_row == 2

    rig.error = None
    carried_out(desk.trial(comparison(3), until(1)))

    assert desk.failures_in_a_row == 0


def test_no_more_pairs_once_the_time_is_spent():
    """A rule that is never satisfied ends with the budget, after one pair at least."""
    desk = Desk(FakeRig(), time_s=5.0, clock=FakeClock())

    _, trial = carried_out(desk.trial(comparison(1), until(1000)))

    assert 1 <= len(trial.measurement.pairs) < 10
    assert desk.left_s <= 0


def test_past_trials_are_replayed_and_not_measured():
    """A resumed study gets its first trials from the store, with the clock as it was then."""
    first = Desk(FakeRig(), clock=FakeClock())
    for value in (1, 2):
        carried_out(first.trial(comparison(value), until(2)))
    rig = FakeRig()
    desk = Desk(rig, past=first.trials, clock=FakeClock())

    events, trial = carried_out(desk.trial(comparison(1), until(2)))

    assert events == [TrialDone(first.trials[0], replayed=True)]
    assert trial == first.trials[0]
    assert desk.elapsed_s == first.trials[0].elapsed_s
    carried_out(desk.trial(comparison(2), until(2)))
    assert rig.orders == []
    carried_out(desk.trial(comparison(3), until(2)))
    assert len(rig.orders) == 2
    assert desk.trials[-1].number == 3
    assert desk.trials[-1].elapsed_s > first.trials[-1].elapsed_s


def test_a_past_that_does_not_fit_is_refused():
    """Mixing the trials of two studies would be a lie; it is an error."""
    first = Desk(FakeRig())
    carried_out(first.trial(comparison(1), until(1)))
    desk = Desk(FakeRig(), past=first.trials)

    with pytest.raises(KerntuneBug, match="does not fit"):
        carried_out(desk.trial(comparison(2), until(1)))


def test_benchmark_seconds_are_those_inside_the_workload():
    """Two pairs of two runs of two seconds, and a warm-up."""
    desk = Desk(FakeRig())
    carried_out(desk.trial(comparison(1), until(2), warmups=1))

    assert desk.benchmark_s == 10.0


def test_numbers_that_cannot_be_compared_are_a_failure():
    """A metric of zero has no ratio: the trial has a reason and no verdict."""

    def invalid(pairs: Sequence[Pair]) -> Ruling:
        return Ruling(
            Verdict(Outcome.INVALID, 0, 0, 0, len(pairs), reason="speed is 0"), finished=bool(pairs)
        )

    _, trial = carried_out(Desk(FakeRig()).trial(comparison(1), invalid))

    assert trial.verdict is None
    assert trial.failure is not None
    assert trial.failure.reason == "speed is 0"
