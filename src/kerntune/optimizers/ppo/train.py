"""Trains a policy on simulated surfaces and keeps the checkpoint that does best on a family held out.

    python -m kerntune.optimizers.ppo.train mine.npz --iterations 300 --seed 1
    python -m kerntune.optimizers.ppo.train better.npz --policy mine.npz --seed 2

numpy only: about 0.4 CPU-seconds an iteration.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerntune.encoding import Cube, Point
from kerntune.errors import InputError
from kerntune.optimizers.ppo import net
from kerntune.optimizers.ppo.layout import Layout
from kerntune.optimizers.ppo.learning import Rates, update
from kerntune.optimizers.ppo.observation import FEATURES
from kerntune.optimizers.ppo.replayed import replayed
from kerntune.optimizers.ppo.simulated import FAMILIES, Known, cubes, ridges, surfaces
from kerntune.optimizers.ppo.training import rolled

LEARNING_RATE = 1.5e-3
RATES = Rates(n_epochs=2, batch_size=200, entropy=0.002)
STEPS = 800
"""Trials simulated for one update, over all surfaces of a batch."""

EVERY = 25
"""A checkpoint is judged after so many updates."""

JUDGED_AT = (20, 50)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A policy after so many updates, and the share of the headroom it captures on the family held out."""

    iteration: int
    weights: net.Weights
    held_out: tuple[float, ...]  # after each of JUDGED_AT runs


Batches = Callable[[int, np.random.Generator], Known]
"""Returns the surfaces for searches of so many trials."""


def simulated(trials: int, generator: np.random.Generator) -> Known:
    """Returns random surfaces over a random cube."""
    layout = Layout(cubes(generator))
    return surfaces(layout, max(16, min(64, STEPS // trials)), generator, FAMILIES)


def trained(weights: net.Weights, batches: Batches, iterations: int, seed: int) -> Iterator[Checkpoint]:
    """Yields checkpoints of a policy as it is trained; the first one is where it began."""
    generator = np.random.default_rng(seed)
    adam = net.Adam(LEARNING_RATE)
    weights = {name: part.astype(np.float32) for name, part in weights.items()}
    yield Checkpoint(0, weights, held_out(weights))
    for iteration in range(iterations):
        adam.learning_rate = LEARNING_RATE * (1 - 0.9 * iteration / iterations)
        trials = int(generator.choice([10, 20, 20, 30, 50]))
        found = rolled(weights, batches(trials, generator), trials, generator, RATES)
        weights = update(weights, found.rollout, adam, RATES, generator)
        if (iteration + 1) % EVERY == 0 or iteration + 1 == iterations:
            yield Checkpoint(iteration + 1, weights, held_out(weights))


def held_out(weights: net.Weights) -> tuple[float, ...]:
    """Returns what a policy captures on the family that it is not trained on, after each of `JUDGED_AT`."""
    medians = []
    for seed in range(1000, 1006):
        generator = np.random.default_rng(seed)
        known = ridges(Layout(cubes(generator)), 16, generator)
        captured = rolled(weights, known, max(JUDGED_AT), generator, RATES).captured
        medians.append([float(np.median(captured[runs - 1])) for runs in JUDGED_AT])
    return tuple(float(np.mean(column)) for column in zip(*medians, strict=True))


def trained_on(
    weights: net.Weights,
    cube: Cube,
    trials: Sequence[tuple[Point, float]],
    iterations: int = 50,
    seed: int = 0,
) -> net.Weights:
    """Returns the policy after training on a study's trials, the default first.

    Raises:
        InputError: there are too few trials.
    """
    known = replayed(cube, trials, batch=24)
    *_, last = trained(weights, lambda _trials, _generator: known, iterations, seed)
    return last.weights


def begun(policy: Path | None, seed: int) -> net.Weights:
    """Returns the policy to train: a saved one, or a fresh one."""
    return net.load(policy, FEATURES) if policy else net.fresh(FEATURES, np.random.default_rng(seed))


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, prints each checkpoint and saves the best one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="where the best checkpoint is saved (.npz)")
    parser.add_argument("--policy", type=Path, help="a saved policy to continue from")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if options.iterations < 1 or options.seed < 0:
        parser.error("--iterations begin at 1, and --seed at 0")
    try:
        net.check_place(options.out)
        weights = begun(options.policy, options.seed)
    except InputError as error:
        parser.error(f"{error} ({error.hint})")
    best = -np.inf
    for made in trained(weights, simulated, options.iterations, options.seed):
        kept = sum(made.held_out) > best
        if kept:
            best = sum(made.held_out)
            net.save(made.weights, options.out)
        shares = ", ".join(
            f"{share:.3f} at {runs}" for share, runs in zip(made.held_out, JUDGED_AT, strict=True)
        )
        print(f"{made.iteration}: held out {shares}{' (kept)' if kept else ''}", flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    main()
