"""What kerntune costs beside the workload: wall time of a study of 5-second runs, and of `kerntune --help`.

    python benchmarks/overhead.py [--trials N] [--starts N]

Wall time outside the workload should be at most 3 % of the study; --help at most 0.3 s.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from kerntune.app import Settings, make_plan, result_data, run_of, tuning
from kerntune.model.plan import Budget, WorkloadChoice

GOAL = "bulk file transfer over a long-distance link"


def study_overhead(trials: int) -> tuple[float, float, int]:
    """Returns wall seconds, seconds inside the workload and runs of one study of 5-second runs."""
    plan = make_plan(GOAL)
    workload = WorkloadChoice(plan.workload.name, {**plan.workload.options, "duration_s": 5.0})
    plan = replace(plan, workload=workload, budget=Budget(trials, 3600.0))
    with tempfile.TemporaryDirectory() as directory:
        here = Settings(Path(directory))
        began = time.monotonic()
        with tuning(plan, here) as study:
            for _ in study:
                pass
            run_id = study.run_id
        wall_s = time.monotonic() - began
        found = result_data(run_of(here, run_id))
    return wall_s, found["benchmark_s"], found["trials"]


def help_times(starts: int) -> list[float]:
    """Returns the wall seconds of `kerntune --help`, one a start."""
    times = []
    for _ in range(starts):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "kerntune", "--help"], check=True, capture_output=True)
        times.append(time.monotonic() - began)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--starts", type=int, default=15)
    options = parser.parse_args()

    times = sorted(help_times(options.starts))
    print(
        f"kerntune --help: median {statistics.median(times):.2f} s, "
        f"range {times[0]:.2f} to {times[-1]:.2f} s, n = {len(times)} (wanted: at most 0.3 s)"
    )
    wall_s, benchmark_s, trials = study_overhead(options.trials)
    share = (wall_s - benchmark_s) / wall_s
    print(
        f"a study of {trials} trials with 5-second runs: {wall_s:.1f} s, {benchmark_s:.1f} s inside the "
        f"workload, {share:.1%} outside it (wanted: at most 3 %)"
    )
    return int(share > 0.03 or statistics.median(times) > 0.3)


if __name__ == "__main__":
    sys.exit(main())
