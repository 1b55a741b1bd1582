"""Shows each optimizer against `random`: the share of the true headroom that its choice captures.

Noisy synthetic surfaces of 3, 8 and 16 knobs (5 % multiplicative noise, logs, categories, cliffs,
interactions; a new surface for each seed). The optimizer sees noisy runs; the config that looks best to it
is judged without noise: 100 is the best config there is, 0 the default. Prints a Markdown table:
medians over the seeds with 95 % bootstrap intervals, and CPU-seconds for one search of the most runs.

    python benchmarks/optimizers.py --seeds 20
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

from kerntune.encoding import Encoding, Task
from kerntune.errors import InputError
from kerntune.testing.optimizer import Factory
from kerntune.testing.surfaces import Surface, surface

KNOBS = (3, 8, 16)
RUNS = (20, 50)
HINTS = 3
RIGHT = 0.6


@dataclass(frozen=True, slots=True)
class Search:
    """One search: the share captured after each number of runs, and the CPU-seconds it took."""

    captured: tuple[float, ...]
    cpu_s: float


def search(factory: Factory, known: Surface, seed: int, *, hinted: bool) -> Search:
    """Searches one surface and judges the choice after each of `RUNS` without noise."""
    encoding = Encoding(known.space)
    hints = known.hints(RIGHT, HINTS, np.random.default_rng([seed, 1])) if hinted else []
    noise = np.random.default_rng([seed, 2])
    default = encoding.encode(known.space.default)
    scores = {default: [0.0]}
    captured = []
    began = time.process_time()
    optimizer = factory(Task(encoding.cube, tuple(encoding.encode(hint) for hint in hints), seed, max(RUNS)))
    optimizer.tell(default, 0.0)
    for run in range(1, max(RUNS) + 1):
        point = optimizer.ask()
        score = known.observed(encoding.decode(point), noise)
        optimizer.tell(point, score)
        scores.setdefault(point, []).append(score)
        if run in RUNS:
            choice = max(scores, key=lambda known: float(np.mean(scores[known])))
            config = known.space.default if choice == default else encoding.decode(choice)
            captured.append(known.captured(config))
    return Search(tuple(captured), time.process_time() - began)


def row(name: str, factory: Factory, seeds: int, *, hinted: bool) -> str:
    """Returns a line of the table: medians of the shares captured for each size and number of runs."""
    cells, everything, cpu_s = [], [], []
    for knobs in KNOBS:
        try:
            searches = [search(factory, surface(knobs, seed), seed, hinted=hinted) for seed in range(seeds)]
        except InputError:
            cells += ["refuses"] * len(RUNS)
            continue
        shares = np.array([found.captured for found in searches])  # (seeds, RUNS)
        cells += [interval(column) for column in shares.T]
        everything.append(shares)
        cpu_s += [found.cpu_s for found in searches]
    complete = len(everything) == len(KNOBS)
    cells += [
        interval(np.concatenate(everything)[:, index]) if complete else "" for index in range(len(RUNS))
    ]
    return f"| {name} | {'3' if hinted else 'none'} | {' | '.join(cells)} | {np.mean(cpu_s):.2f} |"


def interval(shares: NDArray[np.float64]) -> str:
    """Returns the median in percent with its 95 % bootstrap interval."""
    generator = np.random.default_rng(0)
    draws = np.median(generator.choice(shares, (2000, len(shares))), axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{100 * np.median(shares):.0f} ({100 * low:.0f}…{100 * high:.0f})"


def heading() -> str:
    """Returns the table's first two lines."""
    sizes = [f"{knobs} knobs, {runs} runs" for knobs in KNOBS for runs in RUNS]
    names = [
        "optimizer",
        "hints",
        *sizes,
        *(f"all, {runs} runs" for runs in RUNS),
        f"CPU-s for {max(RUNS)} runs",
    ]
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def main(argv: Sequence[str] | None = None) -> None:
    registered = {entry.name: entry for entry in entry_points(group="kerntune.optimizers")}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="surfaces of each size (default 20)")
    parser.add_argument(
        "--only", nargs="*", choices=sorted(registered), help="optimizers to show (default all but gp)"
    )
    options = parser.parse_args(argv)
    names = options.only or [name for name in registered if name not in ("gp", "auto")]
    print(f"n = {options.seeds} surfaces of each size\n\n{heading()}")
    for hinted in (False, True):
        for name in names:
            print(row(name, registered[name].load(), options.seeds, hinted=hinted), flush=True)


if __name__ == "__main__":
    main()
