"""What every workload must do, as one check that outsiders can run on their own workload too."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kerntune.errors import InputError, RunFailed
from kerntune.interfaces import Link, Place, Process, Workload
from kerntune.model.measurement import Metric

Make = Callable[[Mapping[str, object]], Workload]
"""Makes a workload of its options, as the registered class does."""

_TOO_SHORT_S = 0.005
_ROOM = 1.001  # a physical limit is computed from rounded numbers


def check_workload(make: Make, options: Mapping[str, object], place: Place, *, deadline_s: float) -> None:
    """Checks a workload against the seam's promises; runs it twice.

    Args:
        make: makes a workload of its options.
        options: options with which a run is short, and takes longer than 5 ms.
        place: where it can run.
        deadline_s: seconds in which a run with these options ends for sure.

    Raises:
        AssertionError: all broken promises, one a line.
    """
    broken = [*_option_faults(make, options), *_metric_faults(make(options), place.link)]
    watched = Watched(place)
    try:
        broken += _run_faults(make(options), watched, deadline_s)
        broken += _late_faults(make(options), watched)
    finally:
        left = watched.end_left()
    if left:
        broken.append(f"{left} of the programs it started were never ended")
    if broken:
        raise AssertionError("\n".join(broken))


class Watched:
    """A place that knows the programs that were started and not ended."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._left: list[Process] = []

    @property
    def hosts(self) -> tuple[str, ...]:
        """Returns the place's hosts."""
        return self._place.hosts

    @property
    def link(self) -> Link | None:
        """Returns the place's link."""
        return self._place.link

    def address(self, host: str) -> str:
        """Returns the host's address."""
        return self._place.address(host)

    def scratch(self, host: str) -> Path:
        """Returns the place's directory."""
        return self._place.scratch(host)

    def start(
        self, argv: Sequence[str], host: str, stdout: int, stderr: int, *, privileged: bool = False
    ) -> Process:
        """Starts a program and remembers it."""
        started = self._place.start(argv, host, stdout, stderr, privileged=privileged)
        process = WatchedProcess(started, self._left)
        self._left.append(process)
        return process

    def network_counters(self) -> Mapping[str, float]:
        """Returns the place's counters."""
        return self._place.network_counters()

    def end_left(self) -> int:
        """Ends the programs that nobody ended; returns how many they were."""
        left = list(self._left)
        for process in left:
            process.end()
        return len(left)


class WatchedProcess:
    """A program that leaves the list of those left when it is ended."""

    def __init__(self, process: Process, left: list[Process]) -> None:
        self._process = process
        self._left = left

    def wait(self, timeout_s: float) -> int | None:
        """Returns its exit status, or None if it still runs."""
        return self._process.wait(timeout_s)

    def end(self) -> None:
        """Ends it."""
        self._process.end()
        if self in self._left:
            self._left.remove(self)


def _option_faults(make: Make, options: Mapping[str, object]) -> Iterator[str]:
    try:
        make({**options, "no such option": 1})
    except InputError as error:
        if "no such option" not in str(error):
            yield f"an unknown option is refused without being named: {error}"
    else:
        yield "an unknown option is accepted"


def _metric_faults(workload: Workload, link: Link | None) -> Iterator[str]:
    specs = workload.metrics(link)
    names = [spec.name for spec in specs]
    if not workload.name or not names:
        yield "it has no name, or no metric"
    if len(set(names)) != len(names):
        yield f"a metric is named twice: {names}"
    if specs != workload.metrics(link):
        yield "asked twice for its metrics, it answers differently"
    yield from (
        f"{spec.name}: the limit {spec.ceiling} is not a positive number"
        for spec in specs
        if spec.ceiling is not None and not 0 < spec.ceiling < math.inf
    )


def _run_faults(workload: Workload, place: Place, deadline_s: float) -> Iterator[str]:
    specs = workload.metrics(place.link)
    found = workload.run(place, deadline_s)
    promised = [(spec.name, spec.unit, spec.direction) for spec in specs]
    given = [(metric.name, metric.unit, metric.direction) for metric in found]
    if given != promised:
        yield f"it promised {promised} and gave {given}"
        return
    for spec, metric in zip(specs, found, strict=True):
        if not math.isfinite(metric.value):
            yield f"{metric.name} is {metric.value}"
        if spec.ceiling is not None and _is_beyond(metric, spec.ceiling):
            yield f"{metric.name} is {metric.value}, beyond its limit of {spec.ceiling}"


def _is_beyond(metric: Metric, ceiling: float) -> bool:
    if metric.direction == "maximize":
        return metric.value > ceiling * _ROOM
    return metric.value < ceiling / _ROOM


def _late_faults(workload: Workload, place: Place) -> Iterator[str]:
    try:
        workload.run(place, _TOO_SHORT_S)
    except RunFailed as error:
        if error.kind != "timeout":
            yield f"a run beyond its deadline fails with kind {error.kind!r}, not 'timeout': {error}"
    else:
        yield f"a run that takes longer than its deadline of {_TOO_SHORT_S} s is not ended"
