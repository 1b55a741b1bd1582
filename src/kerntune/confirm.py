"""Confirms a candidate with fresh pairs. Only this stage may say "better"."""

from collections.abc import Generator

from kerntune.desk import Desk
from kerntune.judge import MOST_PAIRS, confirmation
from kerntune.model.knob import Config
from kerntune.model.plan import Objective
from kerntune.model.trial import Comparison, Event, Stage, Trial
from kerntune.model.verdict import Noise


def confirm(  # noqa: PLR0913 - a comparison, whose idea it was, and how long to go on
    desk: Desk,
    objective: Objective,
    candidate: Config,
    reference: Config,
    noise: Noise,
    *,
    origin: str = "winner of the search",
    most: int = MOST_PAIRS,
) -> Generator[Event, None, Trial]:
    """Compares a candidate with a reference on fresh pairs, at 95 %, and returns the trial.

    The pairs that made the candidate the winner are not looked at: it may have been lucky.

    Args:
        desk: Carries the comparison out.
        objective: What is to get better.
        candidate: One value for each knob of the space.
        reference: The same for what it is compared with, the default.
        noise: The audit's noise; were it wrong, power would suffer, not honesty.
        origin: Whose idea the candidate was.
        most: Pairs at most.
    """
    rule = confirmation(objective, noise, most=most)
    return (yield from desk.trial(Comparison(Stage.CONFIRM, candidate, reference, origin), rule))
