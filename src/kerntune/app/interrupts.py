"""Turns the signals that ask a study to stop into one interrupt, at moments when it can take one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Raises KeyboardInterrupt once for SIGINT, SIGTERM or SIGHUP, and only inside `allowed` blocks.

    Outside of them (while an event is stored or shown) a signal is kept in `pending`. After the first one
    further ones are ignored: everything is being undone already.
    """

    def __init__(self) -> None:
        self.pending = False
        self._allowed = False
        self._seen = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._seen:
            return
        self._seen = True
        if self._allowed:
            raise KeyboardInterrupt
        self.pending = True

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Lets a signal interrupt the block."""
        self._allowed = True
        try:
            yield
        finally:
            self._allowed = False
