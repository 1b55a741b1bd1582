"""What every optimizer does with its task first: hand out the starting points, refuse unknown options."""

from collections import deque
from collections.abc import Sequence

from kerntune.encoding import Point, Task
from kerntune.errors import InputError


class Starts:
    """A queue of the task's starting points, snapped to its cube.

    Raises:
        KerntuneBug: one of them is not a point of the cube.
    """

    def __init__(self, task: Task) -> None:
        self._left = deque(task.cube.snapped(point) for point in task.start)

    def next(self) -> Point | None:
        """Returns the next starting point, None when all were handed out."""
        return self._left.popleft() if self._left else None


def refuse_options(task: Task, optimizer: str, known: Sequence[str] = ()) -> None:
    """Refuses options that the optimizer does not have.

    Raises:
        InputError: the task has some; all are named.
    """
    unknown = sorted(task.options.keys() - set(known))
    if unknown:
        msg = f"optimizer {optimizer} has no option {', '.join(map(repr, unknown))}"
        hint = f"it has {', '.join(known)}" if known else "it has none: leave optimizer_options out"
        raise InputError(msg, hint=hint)
