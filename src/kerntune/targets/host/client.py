"""The tuner's side of the warden: starts it and asks it."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from kerntune.targets.host.warden import Terms
from kerntune.targets.servant import Servant

_FAREWELL_S = 15.0  # ending a program with gigabytes of memory takes seconds


class Warden:
    """A running warden. Closing it ends every program and removes their directory.

    Raises:
        TargetError: it cannot be started, or the directory cannot be made.
    """

    def __init__(self, terms: Terms) -> None:
        self._servant = Servant(
            "kerntune.targets.host.warden",
            [json.dumps(dataclasses.asdict(terms))],
            called="the process that runs workloads",
            hint="the workload's programs are ended with it; start again",
            farewell_s=_FAREWELL_S,
        )
        self.scratch = Path(str(self._servant.greeting["scratch"]))

    @property
    def pid(self) -> int:
        """Returns the process id of the warden."""
        return self._servant.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._servant.close()

    def start(self, argv: Sequence[str], files: Sequence[int], *, privileged: bool) -> int:
        """Starts a program; `files` are its output, its errors, and where to report. Returns its number."""
        reply = self._servant.ask("start", files, argv=list(argv), privileged=privileged)
        return int(str(reply.message["program"]))

    def end(self, program: int) -> None:
        """Ends a program and everything it started."""
        self._servant.ask("end", program=program)

    def trouble(self) -> str:
        """Returns why programs were ended without our asking, once; empty if they were not."""
        return str(self._servant.ask("trouble").message["trouble"])
