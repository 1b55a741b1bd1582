"""The desk of a study: carries out comparisons one by one, numbers them, replays the past, keeps the clock.

A study is a deterministic function of its trials. So resuming one is running it again with a desk that
answers the first comparisons from the store: when the recorded trial is of the same comparison it is handed
back, and nothing is measured. Every stage compares through `Desk.trial` and differs only in its rule.
"""

import hashlib
import time
from collections.abc import Callable, Generator, Sequence

from kerntune.errors import HandError, KerntuneBug, KerntuneError, MetricError, RunFailed
from kerntune.interfaces import Rig
from kerntune.judge import Rule, Ruling, check_guards
from kerntune.model.measurement import Measurement, Pair, Sample
from kerntune.model.plan import Guard
from kerntune.model.trial import Comparison, Event, Failure, FailureKind, PairDone, Trial, TrialDone
from kerntune.model.verdict import Outcome


def failure_of(error: KerntuneError) -> Failure:
    """Returns why a trial has no value. Never a number."""
    match error:
        case RunFailed():
            return Failure(FailureKind(error.kind), str(error), error.tail)
        case MetricError():
            return Failure(FailureKind.METRIC, str(error), error.tail)
        case HandError(kind="interference"):
            return Failure(FailureKind.INTERFERENCE, str(error))
        case HandError():
            return Failure(FailureKind.REFUSED, str(error))
        case _:
            return Failure(FailureKind.TARGET, str(error))


def is_reference_first(seed: int, trial: int, pair: int) -> bool:
    """Draws which run of a pair goes first: a coin that can be thrown again.

    Not in turns: a disturbance that returns every four runs would pass for an effect in nearly half of all
    studies (docs/concepts/measuring.md). Source: randomisation makes "no effect" mean exactly that a gain's
    sign is a coin's (Fisher 1935, The Design of Experiments).
    """
    return hashlib.blake2b(f"{seed}/{trial}/{pair}".encode(), digest_size=1).digest()[0] % 2 == 0


class Desk:
    """Carries out the comparisons of one study on a rig.

    `past` are the trials already stored, in their order. `guards` are held against every config but the
    reference beside itself. `time_s` is the wall-clock budget; the clock goes on from where the past ended.
    `seed` draws which run of each pair goes first.
    """

    def __init__(
        self,
        rig: Rig,
        *,
        past: Sequence[Trial] = (),
        guards: Sequence[Guard] = (),
        time_s: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
        seed: int = 0,
    ) -> None:
        self.trials: list[Trial] = []
        self._rig = rig
        self._past = list(past)
        self._guards = tuple(guards)
        self._time_s = time_s
        self._clock = clock
        self._seed = seed
        self._offset_s = 0.0
        self._began = clock()

    @property
    def elapsed_s(self) -> float:
        """Returns the study's clock as the last trial ended.

        It stands still between trials, so that a resumed study decides as the first one did.
        """
        return self.trials[-1].elapsed_s if self.trials else 0.0

    @property
    def left_s(self) -> float:
        """Returns the seconds that were left of the budget as the last trial ended; negative: overspent."""
        return self._time_s - self.elapsed_s

    @property
    def now_s(self) -> float:
        """Returns the study's clock now; it goes on from where the past ended."""
        return self._offset_s + self._clock() - self._began

    @property
    def failures_in_a_row(self) -> int:
        """Returns how many trials failed since the last one that did not."""
        count = 0
        for trial in reversed(self.trials):
            if trial.failure is None:
                break
            count += 1
        return count

    @property
    def benchmark_s(self) -> float:
        """Returns the seconds spent inside the workload so far."""
        return sum(trial.measurement.benchmark_s for trial in self.trials)

    def trial(self, comparison: Comparison, rule: Rule, *, warmups: int = 0) -> Generator[Event, None, Trial]:
        """Compares until the rule is satisfied; yields each pair and the trial, returns the trial."""
        trial = self._recorded(comparison)
        if trial is None:
            trial = yield from self._measured(comparison, rule, warmups)
            self.trials.append(trial)
            yield TrialDone(trial)
        else:
            self.trials.append(trial)
            self._resume_clock(trial)
            yield TrialDone(trial, replayed=True)
        return trial

    def _recorded(self, comparison: Comparison) -> Trial | None:
        if not self._past:
            return None
        trial = self._past.pop(0)
        if trial.comparison != comparison:
            msg = f"trial {trial.number} of the stored study does not fit: {comparison.origin} was expected"
            raise KerntuneBug(msg, hint="the study was made by another version; start it anew with its plan")
        return trial

    def _resume_clock(self, trial: Trial) -> None:
        self._offset_s = trial.elapsed_s
        self._began = self._clock()

    def _measured(self, comparison: Comparison, rule: Rule, warmups: int) -> Generator[Event, None, Trial]:
        number = len(self.trials) + 1
        pairs: list[Pair] = []
        ruling = Ruling(rule(()).verdict, finished=False)
        failure = None
        warm: tuple[Sample, ...] = ()
        try:
            warm = tuple(self._rig.sample(comparison.reference) for _ in range(warmups))
            while not ruling.finished and (not pairs or self.now_s < self._time_s):
                pair = self._rig.pair(
                    comparison.candidate,
                    comparison.reference,
                    reference_first=is_reference_first(self._seed, number, len(pairs)),
                )
                pairs.append(pair)
                ruling = rule(pairs)
                yield PairDone(number, comparison, pair, ruling.verdict)
                if comparison.candidate != comparison.reference:
                    check_guards(self._guards, pairs)
            if ruling.verdict.outcome is Outcome.INVALID:
                failure = Failure(FailureKind.METRIC, ruling.verdict.reason)
        except KerntuneError as error:
            failure = failure_of(error)
        verdict = None if failure else ruling.verdict
        return Trial(
            number, comparison, Measurement(tuple(pairs), warm), verdict, failure, elapsed_s=self.now_s
        )
