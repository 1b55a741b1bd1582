"""The options of the target `netns`: parsed once, every fault reported at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kerntune.errors import Fault, PlanError
from kerntune.interfaces import Link

Emulator = Literal["auto", "netem", "forwarder", "none"]

SOURCE = "target netns"

EMULATORS = ("auto", "netem", "forwarder", "none")

LIMITS: Mapping[str, tuple[float, float]] = {
    "rate_mbit": (0.1, 10_000.0),
    "rtt_ms": (0.0, 10_000.0),
    "loss": (0.0, 0.5),
    "queue_mb": (0.1, 1_000.0),
    "mtu": (576, 65_535),
    "seed": (0, 2**31 - 1),
}
"""The least and the greatest value of each option that is a number."""

WHOLE = ("mtu", "seed")

EMULATED = ("rate_mbit", "rtt_ms", "loss", "queue_mb")
"""The options that only an emulated link has."""

MOST_IN_FLIGHT_MB = 512.0
"""What one direction of a link may hold in memory: bandwidth x delay, and the queue."""


@dataclass(frozen=True, slots=True)
class Options:
    """The link between the two hosts: Mbit/s, round trip in ms, loss as a fraction, queue in 10^6 bytes.

    `seed` makes lost packets repeatable: the n-th pair of hosts loses by `seed` + n. With the emulator "none"
    the hosts are joined directly, as fast as the machine is.
    """

    rate_mbit: float = 1000.0
    rtt_ms: float = 80.0
    loss: float = 0.0
    queue_mb: float = 12.5
    mtu: int = 9000
    emulator: Emulator = "auto"
    seed: int = 0

    @property
    def in_flight_mb(self) -> float:
        """Returns the most that one direction of the link can hold, in 10^6 bytes."""
        return self.rate_mbit / 8 * self.rtt_ms / 2000 + self.queue_mb

    def link(self, emulator: str) -> Link:
        """Returns the link as workloads see it, carried by `emulator`."""
        if emulator == "none":
            return Link(math.inf, delay_s=0.0, loss=0.0, queue_bytes=0, mtu=self.mtu, emulator=emulator)
        return Link(
            rate_bps=self.rate_mbit * 1e6,
            delay_s=self.rtt_ms / 2000,
            loss=self.loss,
            queue_bytes=round(self.queue_mb * 1e6),
            mtu=self.mtu,
            emulator=emulator,
        )


def parse(options: Mapping[str, object]) -> Options:
    """Returns the options of a plan's `target_options`.

    Raises:
        PlanError: with every unknown option and every value that is wrong.
    """
    faults = [fault for name, value in options.items() if (fault := _fault(name, value))]
    if options.get("emulator") == "none":
        faults += [_at(name, options[name], "a direct link has none") for name in EMULATED if name in options]
    if faults:
        raise PlanError(SOURCE, faults, hint=f"options: {', '.join((*LIMITS, 'emulator'))}")
    parsed = Options(**options)  # type: ignore[arg-type]  # every name and value was just looked at
    if parsed.in_flight_mb > MOST_IN_FLIGHT_MB:
        problem = f"the link would hold more than {MOST_IN_FLIGHT_MB:g} MB each way: lower rate, rtt or queue"
        raise PlanError(SOURCE, [_at("rate_mbit", parsed.rate_mbit, problem)])
    return parsed


def _fault(name: str, value: object) -> Fault | None:
    if name == "emulator":
        return None if value in EMULATORS else _at(name, value, f"must be one of {', '.join(EMULATORS)}")
    if name not in LIMITS:
        return _at(name, value, "no such option")
    if isinstance(value, bool) or not isinstance(value, int if name in WHOLE else int | float):
        return _at(name, value, "must be a whole number" if name in WHOLE else "must be a number")
    low, high = LIMITS[name]
    if not low <= value <= high:
        return _at(name, value, f"must be {low:.10g} to {high:.10g}")
    return None


def _at(name: str, value: object, problem: str) -> Fault:
    return Fault(f"target_options.{name}", value, problem)
