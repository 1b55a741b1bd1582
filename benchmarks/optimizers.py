"""Shows each optimizer against `random`: the share of the true headroom that its choice captures.

Noisy synthetic surfaces of 3 to 16 knobs in six families (5 % multiplicative noise; a new surface for each
seed, the same ones for every optimizer), and one without any effect. The optimizer sees noisy runs; the
config that looks best to it is judged without noise: 100 is the best config there is, 0 the default; what
is missing to 100 is the true regret. Prints Markdown tables: medians over all surfaces with 95 % bootstrap
intervals, and the mean paired lead over `random` with its interval. `--write` puts the rows into the
reference page.

    python benchmarks/optimizers.py --seeds 20
    python benchmarks/optimizers.py --seeds 4 --only gp --runs 20 50 --write
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kerntune.encoding import Encoding, Task
from kerntune.errors import InputError
from kerntune.search import PENALTY
from kerntune.testing.optimizer import Factory
from kerntune.testing.surfaces import FAMILIES, Surface, surface

KNOBS = (3, 5, 8, 12, 16)
RUNS = (20, 50, 100, 200)
HINTS = 3
RIGHT = 0.6
JUDGED = tuple(family for family in FAMILIES if family != "no effect")
PAGE = Path(__file__).parents[1] / "docs/reference/optimizers.md"
BEGIN, END = "<!-- benchmarks/optimizers.py -->", "<!-- end -->"

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Search:
    """One search: the share captured and the gain claimed after each number of runs, and its CPU-seconds."""

    captured: tuple[float, ...]
    claimed: tuple[float, ...]
    cpu_s: float


def search(factory: Factory, known: Surface, seed: int, runs: Sequence[int], *, hinted: bool) -> Search:
    """Searches one surface and judges the choice after each number of runs without noise."""
    encoding = Encoding(known.space)
    hints = known.hints(RIGHT, HINTS, np.random.default_rng([seed, 1])) if hinted else []
    noise = np.random.default_rng([seed, 2])
    default = encoding.encode(known.space.default)
    scores = {default: [0.0]}
    captured, claimed = [], []
    began = time.process_time()
    start = tuple(encoding.encode(hint) for hint in hints)
    optimizer = factory(Task(encoding.cube, start, seed, max(runs)))
    optimizer.tell(default, 0.0)
    for run in range(1, max(runs) + 1):
        point = optimizer.ask()
        config = encoding.decode(point)
        worst = min(min(told) for told in scores.values())
        score = worst - PENALTY if known.fails(config) else known.observed(config, noise)
        optimizer.tell(point, score)
        scores.setdefault(point, []).append(score)
        if run in runs:
            choice = max(scores, key=lambda known: float(np.mean(scores[known])))
            config = known.space.default if choice == default else encoding.decode(choice)
            captured.append(known.captured(config))
            claimed.append(float(np.expm1(np.mean(scores[choice]))))
    return Search(tuple(captured), tuple(claimed), time.process_time() - began)


def searched(
    factory: Factory, families: Sequence[str], seeds: int, runs: Sequence[int], *, hinted: bool
) -> Mapping[str, list[Search]]:
    """Returns the searches of each family; the number of knobs changes from seed to seed."""
    return {
        family: [
            search(factory, surface(KNOBS[seed % len(KNOBS)], seed, family), seed, runs, hinted=hinted)
            for seed in range(seeds)
        ]
        for family in families
    }


def shares(found: Mapping[str, list[Search]]) -> Shares:
    """Returns the shares captured, (surfaces, runs)."""
    return np.array([one.captured for family in JUDGED for one in found[family]])


def row(name: str, found: Mapping[str, list[Search]], random: Shares, *, hinted: bool) -> str:
    """Returns a line of the first table; numbers of runs that were not made stay empty."""
    mine = shares(found)
    count = mine.shape[1]
    empty = [""] * (len(RUNS) - count)
    medians = [interval(mine[:, index], np.median) for index in range(count)]
    leads = [
        interval(np.clip(mine, -1, 1)[:, index] - np.clip(random, -1, 1)[:, index], np.mean)
        for index in range(count)
    ]
    cpu_s = np.mean([one.cpu_s for searches in found.values() for one in searches])
    cells = [name, "3" if hinted else "none", str(len(mine)), *medians, *empty, *leads, *empty]
    return f"| {' | '.join(cells)} | {cpu_s:.2f} |"


def family_row(name: str, found: Mapping[str, list[Search]]) -> str:
    """Returns a line of the second table: each family after 50 runs (or the most that were made)."""
    index = min(RUNS.index(50), len(found[JUDGED[0]][0].captured) - 1)
    cells = [
        interval(np.array([one.captured[index] for one in found[family]]), np.median) for family in JUDGED
    ]
    claimed = interval(np.array([one.claimed[index] for one in found["no effect"]]), np.median)
    return f"| {name} | {' | '.join(cells)} | {claimed} |"


def interval(values: Shares, middle: object) -> str:
    """Returns the median or the mean in percent with its 95 % bootstrap interval."""
    statistic = np.median if middle is np.median else np.mean
    drawn = np.random.default_rng(0).choice(values, (2000, len(values)))
    low, high = np.quantile(statistic(drawn, axis=1), (0.025, 0.975))
    return f"{100 * statistic(values):.0f} ({100 * low:.0f}…{100 * high:.0f})"


def headings() -> tuple[str, str]:
    """Returns the first two lines of both tables."""
    first = ["optimizer", "hints", "n", *(f"{runs} runs" for runs in RUNS)]
    first += [*(f"lead at {runs}" for runs in RUNS), f"CPU-s for {max(RUNS)} runs"]
    second = ["optimizer", *JUDGED, "no effect: gain claimed"]
    return _heading(first), _heading(second)


def _heading(names: Sequence[str]) -> str:
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def written(page: str, lines: Sequence[str]) -> str:
    """Returns the page with these rows between its markers, other optimizers' rows kept."""
    before, rest = page.split(BEGIN)
    old, after = rest.split(END)
    rows = {_key(line): line for line in [*old.splitlines(), *lines] if _is_row(line)}
    order = sorted(rows, key=lambda key: (key[0], key[2] != "none", key[1]))
    first, second = ([rows[key] for key in order if key[0] == table] for table in (1, 2))
    one, two = headings()
    tables = "\n".join(["", one, *first, "", "After 50 runs without hints, by family:", "", two, *second, ""])
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def _is_row(line: str) -> bool:
    return line.startswith("| ") and not line.startswith("| optimizer")


def _key(line: str) -> tuple[int, str, str]:
    cells = [cell.strip() for cell in line.split("|")[1:]]
    return (1, cells[0], cells[1]) if cells[1] in ("none", "3") else (2, cells[0], "")


def compared(name: str, factory: Factory, random: Factory, options: argparse.Namespace) -> list[str]:
    """Returns the rows of one optimizer, none where it refuses the surfaces."""
    lines = []
    for hinted in (False, True):
        try:
            known = searched(random, JUDGED, options.seeds, options.runs, hinted=hinted)
            found = searched(factory, tuple(FAMILIES), options.seeds, options.runs, hinted=hinted)
        except InputError as error:
            print(f"{name} refuses: {error}")
            return []
        lines.append(row(name, found, shares(known), hinted=hinted))
        print(lines[-1], flush=True)
        if not hinted:
            lines.append(family_row(name, found))
            print(lines[-1], flush=True)
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    registered = {entry.name: entry for entry in entry_points(group="kerntune.optimizers")}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="surfaces of each family (default 20)")
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS, choices=RUNS, help="when to judge")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/reference/optimizers.md")
    parser.add_argument(
        "--only",
        nargs="*",
        choices=sorted(registered),
        help="optimizers to show (default all but gp and auto)",
    )
    options = parser.parse_args(argv)
    names = options.only or [name for name in registered if name not in ("gp", "auto")]
    random = registered["random"].load()
    print("\n\n".join(headings()), flush=True)
    for name in names:
        lines = compared(name, registered[name].load(), random, options)
        if options.write:
            PAGE.write_text(written(PAGE.read_text(), lines))


if __name__ == "__main__":
    main()
