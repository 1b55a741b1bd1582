"""The workload stress_ng: one of stress-ng's three hundred stressors."""

import math
from collections.abc import Mapping

from pydantic import Field

from kerntune.errors import MetricError, RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.disk import directory
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need


class StressNgOptions(Options):
    """The stressor, how many of it at the same time (0: one a processor), and seconds."""

    stressor: str = Field("pipe", pattern=r"^[a-z][a-z0-9-]{1,40}$")
    instances: int = Field(0, ge=0, le=4096)
    duration_s: float = Field(4.0, ge=1.0, le=600.0)


class StressNg:
    """One of stress-ng's stressors: its operations a second of the wall clock, all instances together.

    The operations are stress-ng's "bogo ops": work of one kind, comparable within one version of it. Seconds
    are rounded up to whole ones, as stress-ng knows no others.
    """

    name = "stress_ng"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(StressNgOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and a minute for stressors that are slow to stop."""
        return 2 * self._options.duration_s + 60.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the operations a second."""
        return (MetricSpec("operations", "1/s", Direction.MAXIMIZE),)

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Runs the stressor once and returns its rate.

        Raises:
            RunFailed: stress-ng is not installed, does not know the stressor, failed, or did not end in time.
            MetricError: the rate is missing (the stressor was skipped), zero or not finite.
        """
        host, stressor = place.hosts[0], self._options.stressor
        program = need("stress-ng")
        self._check_known(place, program)
        folder = directory(place, host, self.name)
        argv = [program, f"--{stressor}", str(self._options.instances), "--stdout", "--metrics-brief"]
        argv += ["--timeout", str(math.ceil(self._options.duration_s)), "--temp-path", str(folder)]
        completed = execute(place, host, argv, deadline_s=deadline_s)
        (spec,) = self.metrics(place.link)
        wanted = [Wanted(spec, f"{stressor}.operations_per_second")]
        metrics = read(READERS["stress-ng"], completed.stdout, wanted)
        if not metrics[0].value > 0:
            msg = f"stress-ng counted no operation of {stressor}"
            raise MetricError(msg, tail=completed.tail, hint="set the workload's option duration_s higher")
        return metrics

    def _check_known(self, place: Place, program: str) -> None:
        """Refuses what is no stressor: it could be any other option of stress-ng's, or all stressors."""
        known = execute(place, place.hosts[0], [program, "--stressors"], deadline_s=60.0).stdout.split()
        if self._options.stressor not in known:
            msg = f"stress-ng has no stressor {self._options.stressor}"
            raise RunFailed(
                msg, kind="exit", hint=f"it has {', '.join(known[:12])}, … (stress-ng --stressors)"
            )
