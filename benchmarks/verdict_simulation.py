"""How often does kerntune claim a gain that is not there, and how often does it find one that is?

Whole studies are simulated through the real desk, rules, confirmation and minimisation; only the rig is a
simulation, so that the truth is known. A study audits the noise, races 20 random configs, confirms the
luckiest one with fresh pairs and, if that is "better", minimizes it. Exits 1 when a requirement fails.

    python benchmarks/verdict_simulation.py [--studies 500] [--seed 1] [--quick]
"""

import argparse
import math
import random
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from kerntune.confirm import confirm
from kerntune.desk import Desk
from kerntune.judge import audit, noise_of, racing
from kerntune.minimize import Minimized, minimize
from kerntune.model.knob import Config, Knob, Range, Risk, Rollback, Scope
from kerntune.model.plan import Direction, Objective
from kerntune.model.space import Dimension, Space
from kerntune.model.trial import Comparison, Event, Stage, Trial
from kerntune.model.verdict import Noise, Outcome, Verdict
from kerntune.testing import simulation
from kerntune.testing.simulation import Disturbance, SimulatedRig, Truth

T = TypeVar("T")

OBJECTIVE = Objective("speed", Direction.MAXIMIZE, smallest_gain=0.02)
MOST_FALSE_CLAIMS = 0.05
LEAST_POWER = 0.80

DISTURBANCES: dict[str, Disturbance] = {
    "5 % noise": simulation.steady(0.05),
    "baseline wanders by 30 %": simulation.wandering(width=0.30, step=0.06),
    "baseline swings by 30 %": simulation.swinging(width=0.30, shortest=3, longest=60),
    "swings every 4 runs": simulation.swinging(width=0.30, shortest=3.8, longest=4.2),
    "Student noise, 2 df": simulation.heavy_tailed(0.05),
    "one run in 10 at a third": simulation.with_outliers(0.03, factor=3, probability=0.1),
    "two modes 30 % apart": simulation.bimodal(0.01, distance=0.30),
}


@dataclass(frozen=True, slots=True)
class Study:
    """What a simulated study came to."""

    verdict: Verdict
    config: Config
    pairs: int
    confirming_pairs: int


def space_of(knobs: int) -> Space:
    """Returns a space of simulated knobs named `simulated.0` …, each 0 to 100, at present 10."""
    return Space(tuple(_dimension(f"simulated.{number}") for number in range(knobs)))


def _dimension(name: str) -> Dimension:
    domain = Range(0, 100)
    knob = Knob(
        name, "sysctl", "", domain, Scope.NETNS, Risk.R0, Rollback.EXACT, "simulated", "none", "simulated"
    )
    return Dimension(knob, domain, present=10)


def finished(steps: Generator[Event, None, T]) -> T:
    """Goes through all events of a stage and returns what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def simulated_study(truth: Truth, disturbance: Disturbance, seed: int, *, candidates: int = 20) -> Study:
    """Returns what a study of six knobs came to: audit, search, confirmation, minimisation."""
    rng = random.Random(seed)
    space = space_of(6)
    rig = SimulatedRig(truth, disturbance, rng, objective=OBJECTIVE)
    desk = Desk(rig, clock=rig.clock, seed=seed)
    noise = audited(desk, space.default)
    luckiest = searched(desk, space, noise, rng, candidates)
    before = rig.runs
    confirmed = finished(confirm(desk, OBJECTIVE, luckiest, space.default, noise))
    confirming = (rig.runs - before) // 2
    found = Minimized(luckiest, confirmed)
    if verdict_of(confirmed).outcome is Outcome.BETTER:
        found = finished(minimize(desk, OBJECTIVE, space, confirmed, noise))
    return Study(verdict_of(found.trial), found.config, rig.runs // 2, confirming)


def audited(desk: Desk, default: Config) -> Noise:
    trial = finished(desk.trial(Comparison(Stage.AUDIT, default, default, "audit"), audit(OBJECTIVE)))
    return noise_of(trial.measurement.pairs, OBJECTIVE)


def searched(desk: Desk, space: Space, noise: Noise, rng: random.Random, candidates: int) -> Config:
    """Returns the luckiest of some random configs, each raced against the default."""
    best: Trial | None = None
    for _ in range(candidates):
        config = {name: rng.randint(0, 100) for name in space.default}
        rule = racing(OBJECTIVE, noise, best.verdict if best else None)
        trial = finished(desk.trial(Comparison(Stage.SEARCH, config, space.default, "random"), rule))
        if best is None or verdict_of(trial).gain > verdict_of(best).gain:
            best = trial
    assert best is not None
    return best.comparison.candidate


def verdict_of(trial: Trial) -> Verdict:
    assert trial.verdict is not None, trial.failure
    return trial.verdict


def confirmation_of(gain: float, disturbance: Disturbance, seed: int) -> Verdict:
    """Returns the verdict on a single candidate of known gain, after an audit."""
    truth = simulation.gains_of({"knob": gain}, {"knob": 0})
    rig = SimulatedRig(truth, disturbance, random.Random(seed), objective=OBJECTIVE)
    desk = Desk(rig, clock=rig.clock, seed=seed)
    noise = audited(desk, {"knob": 0})
    return verdict_of(finished(confirm(desk, OBJECTIVE, {"knob": 1}, {"knob": 0}, noise)))


def wilson(count: int, of: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share. Source: Wilson 1927."""
    z = 1.96
    share = count / of
    center = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, center - half), min(1.0, center + half)


def share(count: int, of: int) -> str:
    low, high = wilson(count, of)
    return f"{count / of:6.1%} [{low:5.1%}, {high:5.1%}]"


def false_claims(studies: int, seed: int) -> bool:
    """Prints how many studies of knobs that do nothing claim a gain; says whether few enough do."""
    print(f"No knob does anything; {studies} studies each. At most {MOST_FALSE_CLAIMS:.0%} may claim better.")
    print(f"{'noise':26} {'better':22} {'worse':22} {'true gain inside':22} pairs: confirming, all")
    good = True
    for name, disturbance in DISTURBANCES.items():
        found = [simulated_study(simulation.no_effect, disturbance, seed + n) for n in range(studies)]
        better = sum(study.verdict.outcome is Outcome.BETTER for study in found)
        worse = sum(study.verdict.outcome is Outcome.WORSE for study in found)
        covered = sum(study.verdict.low <= 0 <= study.verdict.high for study in found)
        print(
            f"{name:26} {share(better, studies):22} {share(worse, studies):22} {share(covered, studies):22}"
            f" {fmean(study.confirming_pairs for study in found):17.1f},"
            f" {fmean(study.pairs for study in found):.0f}",
            flush=True,
        )
        good &= better / studies <= MOST_FALSE_CLAIMS
    return good


def power(studies: int, seed: int) -> bool:
    """Prints how often true gains are confirmed at 3 % noise; says whether +5 % is often enough."""
    print(f"\nOne candidate of known gain, 3 % noise, at most 25 pairs; {studies} confirmations each.")
    print(f"+5 % must be confirmed in {LEAST_POWER:.0%}.")
    print(f"{'true gain':26} {'confirmed':22} {'true gain inside':22} {'pairs':>6} {'claimed gain':>13}")
    good = True
    for gain in (0.02, 0.03, 0.05, 0.10, 2.40):
        found = [confirmation_of(gain, simulation.steady(0.03), seed + n) for n in range(studies)]
        better = [verdict for verdict in found if verdict.outcome is Outcome.BETTER]
        covered = sum(verdict.low <= gain <= verdict.high for verdict in found)
        claimed = fmean(verdict.gain for verdict in better) if better else math.nan
        print(
            f"{gain:+26.0%} {share(len(better), studies):22} {share(covered, studies):22}"
            f" {fmean(verdict.pairs for verdict in found):6.1f} {claimed:+13.1%}",
            flush=True,
        )
        good &= gain != 0.05 or len(better) / studies >= LEAST_POWER
    return good


def one_matters(gain: float) -> Truth:
    """Returns a truth in which one knob gives all of the gain, from 31 on."""
    return lambda config: gain * (int(config["simulated.3"]) > 30)


def minimal(studies: int, seed: int) -> bool:
    """Prints whether minimizing keeps the one knob of six that matters, and only it."""
    print(f"\nOne knob of six matters; {studies} whole studies each.")
    print(f"{'gain, noise':26} {'better':22} {'the knob is kept':22} {'and only it':22} pairs, all")
    good = True
    for gain, noise in ((2.4, 0.01), (0.10, 0.03)):
        found = [
            simulated_study(one_matters(gain), simulation.steady(noise), seed + n) for n in range(studies)
        ]
        better = [study for study in found if study.verdict.outcome is Outcome.BETTER]
        kept = [study for study in better if study.config["simulated.3"] != 10]
        alone = [study for study in kept if len(space_of(6).changed(study.config)) == 1]
        print(
            f"{f'{gain:+.0%} at {noise:.0%}':26} {share(len(better), studies):22}"
            f" {share(len(kept), len(better)):22} {share(len(alone), len(better)):22}"
            f" {fmean(study.pairs for study in found):.0f}",
            flush=True,
        )
        good &= len(kept) / len(better) >= 0.95
    return good


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=500, help="simulated studies for each line (500)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first study (1)")
    parser.add_argument("--quick", action="store_true", help="60 studies for each line")
    options = parser.parse_args(argv)
    studies = 60 if options.quick else options.studies
    began = time.monotonic()
    parts = [part(studies, options.seed) for part in (false_claims, power, minimal)]
    good = all(parts)
    wall_s = time.monotonic() - began
    print(f"\n{'every requirement holds' if good else 'A REQUIREMENT FAILED'} ({wall_s:.0f} s)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
