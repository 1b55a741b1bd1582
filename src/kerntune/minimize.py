"""Drops every knob whose removal does not measurably hurt, then confirms what is left with fresh pairs."""

import math
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from kerntune.confirm import confirm
from kerntune.desk import Desk
from kerntune.judge import FEWEST_PAIRS, dropping
from kerntune.model.knob import Config, Value
from kerntune.model.plan import Objective
from kerntune.model.space import Space
from kerntune.model.trial import Comparison, Event, Note, Stage, Trial
from kerntune.model.verdict import Noise, Outcome, Verdict

MOST_PAIRS_A_DROP = 12
FAILURES_TO_STOP = 3


@dataclass(frozen=True, slots=True)
class Minimized:
    """What is recommended after minimizing.

    `config` has one value for each knob of the space. `trial` is the confirmation that the recommendation
    rests on: of `config` itself, never of a larger one. `dropped` names the knobs set back to their present
    values. `complete` is false where time or failures ended the search for them early.
    """

    config: Config
    trial: Trial
    dropped: tuple[str, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()


def minimize(
    desk: Desk, objective: Objective, space: Space, confirmed: Trial, noise: Noise
) -> Generator[Event, None, Minimized]:
    """Returns the few knobs of a confirmed candidate that matter, with their own confirmation.

    The likeliest knobs are kept first (one, two, four …) and all others dropped at once; then each kept one
    is tried without. Every comparison is with the whole candidate, so that small losses cannot add up. The
    rest is confirmed afresh against the default; where that fails, the candidate stands as it was confirmed.

    Args:
        desk: Carries the comparisons out; its trials of the search say which knobs are likely to matter.
        objective: What is to get better.
        space: Says what the default is, and which orders must be kept.
        confirmed: The trial that confirmed the candidate as better than the default.
        noise: The audit's noise.
    """
    dropper = _Dropper(desk, objective, space, confirmed, noise)
    kept = yield from dropper.needed()
    dropped = tuple(name for name in space.changed(dropper.full) if name not in kept)
    if not dropped:
        return Minimized(dropper.full, confirmed, complete=dropper.complete, notes=tuple(dropper.notes))
    reduced = dropper.only(kept)
    trial = yield from confirm(desk, objective, reduced, space.default, noise, origin="the knobs that matter")
    if _outcome(trial) is Outcome.BETTER:
        return Minimized(reduced, trial, dropped, dropper.complete, tuple(dropper.notes))
    yield dropper.note(f"without {', '.join(dropped)} the gain was not confirmed: they stay")
    return Minimized(dropper.full, confirmed, complete=False, notes=tuple(dropper.notes))


def importance(trials: Iterable[Trial], space: Space, config: Config) -> Mapping[str, float]:
    """Returns how much of the search's spread of gains each changed knob explains, 0 to 1.

    For a knob, the trials are split where it separates the present value from the config's; what counts is
    the variance between the two sides, where the config's side is the better one. A hint, not a verdict.
    """
    scored = [(space.default, 0.0), *_scores(trials)]
    mean = fmean(gain for _, gain in scored)
    total = sum((gain - mean) ** 2 for _, gain in scored)
    changed = space.changed(config)
    if total == 0:
        return dict.fromkeys(changed, 0.0)
    return {name: _explained(scored, name, space.default[name], changed[name]) / total for name in changed}


class _Dropper:
    """Tries subsets of a confirmed candidate's knobs, as long as there is time to confirm the outcome."""

    def __init__(
        self, desk: Desk, objective: Objective, space: Space, confirmed: Trial, noise: Noise
    ) -> None:
        self.full = {**space.default, **confirmed.comparison.candidate}
        self.complete = True
        self.notes: list[str] = []
        self._known: dict[frozenset[str], bool] = {}
        self._desk = desk
        self._objective = objective
        self._space = space
        self._noise = noise
        self._verdict = confirmed.verdict or _NO_GAIN
        pairs = max(len(confirmed.measurement.pairs), 1)
        self._pair_s = confirmed.measurement.benchmark_s / pairs
        self._reserved_pairs = max(pairs, FEWEST_PAIRS) + 1

    def note(self, text: str) -> Note:
        self.notes.append(text)
        return Note(text)

    def only(self, names: Sequence[str]) -> Config:
        """Returns the default with the candidate's values for these knobs."""
        return {**self._space.default, **{name: self.full[name] for name in names}}

    def needed(self) -> Generator[Event, None, list[str]]:
        """Returns the names of the knobs that cannot be dropped, the likeliest first."""
        kept = yield from self._likeliest(self._ranked())
        for name in reversed(kept[:]):
            others = [other for other in kept if other != name]
            if others and (yield from self._survives(others)):
                kept = others
        if not self.complete:
            failing = self._desk.failures_in_a_row >= FAILURES_TO_STOP
            why = "too many failures" if failing else "not enough time"
            yield self.note(f"{why} to find out which of {', '.join(kept)} matter")
        return kept

    def _ranked(self) -> list[str]:
        weights = importance(self._desk.trials, self._space, self.full)
        return sorted(weights, key=lambda name: (-weights[name], name))

    def _likeliest(self, ranked: list[str]) -> Generator[Event, None, list[str]]:
        size = 1
        while size < len(ranked):
            if (yield from self._survives(ranked[:size])):
                return ranked[:size]
            size *= 2
        return ranked

    def _survives(self, names: Sequence[str]) -> Generator[Event, None, bool]:
        """Says whether these knobs alone are not measurably slower than the whole candidate. Asks once."""
        key = frozenset(names)
        if key not in self._known:
            self._known[key] = yield from self._tried(names)
        return self._known[key]

    def _tried(self, names: Sequence[str]) -> Generator[Event, None, bool]:
        config = self.only(names)
        if not _is_ordered(self._space, config):
            return False
        most = min(MOST_PAIRS_A_DROP, self._pairs_left())
        if most < 2 or self._desk.failures_in_a_row >= FAILURES_TO_STOP:
            self.complete = False
            return False
        rule = dropping(self._objective, self._noise, self._verdict, most=most)
        origin = f"only {', '.join(names)}"
        trial = yield from self._desk.trial(Comparison(Stage.MINIMIZE, config, self.full, origin), rule)
        # a trial that the clock ended before the rule was satisfied has not shown anything
        return _outcome(trial) is Outcome.UNDECIDED and self._desk.left_s > 0

    def _pairs_left(self) -> int:
        if math.isinf(self._desk.left_s) or self._pair_s == 0:
            return MOST_PAIRS_A_DROP
        return int(self._desk.left_s / self._pair_s) - self._reserved_pairs


_NO_GAIN = Verdict(Outcome.INVALID, gain=0.0, low=0.0, high=0.0, pairs=0)


def _outcome(trial: Trial) -> Outcome:
    return trial.verdict.outcome if trial.verdict is not None else Outcome.INVALID


def _scores(trials: Iterable[Trial]) -> Iterator[tuple[Config, float]]:
    """Yields the candidates of the search with their log gains."""
    for trial in trials:
        comparison, verdict = trial.comparison, trial.verdict
        if (
            comparison.stage is Stage.SEARCH
            and verdict is not None
            and verdict.outcome is not Outcome.INVALID
        ):
            yield comparison.candidate, math.log1p(verdict.gain)


def _is_ordered(space: Space, config: Config) -> bool:
    """Says whether a config keeps the order constraints, as far as the values are known."""
    values = {**dict(space.neighbours), **config}
    rows = (
        [number for name in constraint.knobs if isinstance(number := values.get(name), int)]
        for constraint in space.constraints
        if constraint.kind == "order"
    )
    return all(low <= high for row in rows for low, high in pairwise(row))


def _explained(scored: Sequence[tuple[Config, float]], name: str, present: Value, chosen: Value) -> float:
    """Returns the largest sum of squares between two sides that a split of this knob's values makes."""
    values = {config[name] for config, _ in scored}
    sides = [
        [gain for config, gain in scored if _is_beyond(config[name], cut, present)]
        for cut in sorted(_cuts(values, present, chosen), key=str)
    ]
    everything = [gain for _, gain in scored]
    return max((_between(side, everything) for side in sides), default=0.0)


def _cuts(values: set[Value], present: Value, chosen: Value) -> list[Value]:
    """Returns the values from which on a knob counts as changed the way the config changes it."""
    if isinstance(present, int) and isinstance(chosen, int):
        numbers = [value for value in values if isinstance(value, int)]
        low, high = sorted((present, chosen))
        return [number for number in numbers if low <= number <= high and number != present]
    return [chosen]


def _is_beyond(value: Value, cut: Value, present: Value) -> bool:
    if isinstance(value, int) and isinstance(cut, int) and isinstance(present, int):
        return value >= cut if cut > present else value <= cut
    return value == cut


def _between(side: Sequence[float], everything: Sequence[float]) -> float:
    count, rest = len(side), len(everything) - len(side)
    if count == 0 or rest == 0:
        return 0.0
    difference = fmean(side) - (math.fsum(everything) - math.fsum(side)) / rest
    return difference**2 * count * rest / (count + rest) if difference > 0 else 0.0
