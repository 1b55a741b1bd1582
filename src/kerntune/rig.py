"""The rig: a workload on a target. Runs configs side by side and returns their samples, or says why not."""

import statistics
import time

from kerntune import host
from kerntune.errors import RunFailed
from kerntune.interfaces import Target, Workload
from kerntune.model.knob import Config
from kerntune.model.measurement import Pair, Sample

PATIENCE = 3.0
"""A run is cut short when it takes this many times as long as the runs at the reference config did."""

SLACK_S = 1.0
"""Seconds granted on top, so that very short runs are not cut short by start-up noise."""


class WorkloadRig:
    """Compares configs of a target by running a workload on it.

    Every run gets the config applied anew and undone afterwards. A run that takes three times as long as the
    runs at the reference config ends the pair with `RunFailed`.
    """

    def __init__(self, target: Target, workload: Workload) -> None:
        self._target = target
        self._workload = workload
        self._deadline_s = workload.longest_s
        self._reference_walls: list[float] = []

    def sample(self, config: Config) -> Sample:
        """Runs once with the config applied.

        Raises:
            KerntuneError: the run, the hand or the target failed; the config is undone all the same.
        """
        return self._run(config, self._deadline_s)

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        """Runs both configs, neighbours in time, and returns their samples.

        Raises:
            RunFailed: a run failed (kinds exit, timeout, output), or the candidate took far longer than the
                reference does ("cut short").
            KerntuneError: the hand or the target failed.
        """
        if reference_first:
            reference_sample = self._reference(reference)
            candidate_sample = self._candidate(candidate)
        else:
            candidate_sample = self._candidate(candidate)
            reference_sample = self._reference(reference)
        return Pair(reference_sample, candidate_sample, reference_first)

    def _reference(self, config: Config) -> Sample:
        sample = self._run(config, self._deadline_s)
        self._reference_walls.append(sample.wall_s)
        return sample

    def _candidate(self, config: Config) -> Sample:
        if not self._reference_walls:
            return self._run(config, self._deadline_s)
        usual_s = statistics.median(self._reference_walls[-9:])
        limit_s = min(self._deadline_s, PATIENCE * usual_s + SLACK_S)
        try:
            return self._run(config, limit_s)
        except RunFailed as error:
            if error.kind != "timeout" or limit_s == self._deadline_s:
                raise
            msg = f"cut short after {limit_s:.1f} s: runs at the present values take {usual_s:.1f} s"
            raise RunFailed(msg, kind="cut short", tail=error.tail) from error

    def _run(self, config: Config, deadline_s: float) -> Sample:
        with self._target.applied(config) as place:
            before = host.snapshot(place.network_counters())
            started_at = time.time()
            began = time.monotonic()
            metrics = self._workload.run(place, deadline_s)
            wall_s = time.monotonic() - began
            after = host.snapshot(place.network_counters())
        return Sample(metrics, wall_s, started_at, host.difference(before, after))
