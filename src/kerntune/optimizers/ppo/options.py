"""The options of `ppo`, and what it has to say about those that cannot do any good within the budget."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kerntune.encoding import Task
from kerntune.errors import Fault, PlanError

File = Annotated[str, Field(pattern=r"^[^\x00]+$")]

MOST_EPOCHS = 50
"""An update has no more: at a millisecond for a step of the gradient, that is 50 ms a trial, or less."""


class Options(BaseModel):
    """What `ppo` can be told. The names are those of stable-baselines3, with defaults for few, dear runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    policy: File | None = None  # an .npz file to begin from, instead of the policy that comes with kerntune
    save_policy: File | None = None  # an .npz file, written after each update
    n_steps: int = Field(16, ge=2)
    batch_size: int | None = Field(None, ge=1)
    n_epochs: int = Field(4, ge=1)
    learning_rate: float = Field(3e-4, ge=0.0, le=1.0)
    gamma: float = Field(0.95, ge=0.0, le=1.0)
    ent_coef: float = Field(0.0, ge=0.0, le=100.0)
    total_timesteps: int | None = Field(None, ge=1)
    max_steps_per_episode: int | None = Field(None, ge=1)

    @property
    def epochs(self) -> int:
        """Returns how many an update has."""
        return min(self.n_epochs, MOST_EPOCHS)

    def updates(self, trials: int) -> bool:
        """Says whether the policy changes before the last of so many trials of its own."""
        steps = min(trials - 1, self.total_timesteps or trials)  # after the last one nothing is asked
        return self.learning_rate > 0 and steps >= self.n_steps


def checked(task: Task) -> Options:
    """Returns the options of a task.

    Raises:
        PlanError: every fault, each with its field and value.
    """
    try:
        return Options.model_validate(dict(task.options))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        faults = [
            Fault(
                ".".join(map(str, fault["loc"])),
                fault["input"],
                "unknown option" if fault["type"] == "extra_forbidden" else fault["msg"],
            )
            for fault in found
        ]
        hint = f"it has {', '.join(Options.model_fields)}"
        source = "options of optimizer ppo"
        raise PlanError(source, faults, hint=hint) from error


def doubts(options: Options, trials: int, starts: int) -> list[str]:
    """Returns what the user should know about options that do nothing within so many trials.

    The first `starts` of them are starting points, from which the policy does not learn.
    """
    said = []
    own, total = max(0, trials - starts), options.total_timesteps
    if options.n_steps >= own and options.learning_rate > 0:
        which = " after the starting points" if starts else ""
        said.append(
            f"n_steps {options.n_steps} needs more than the {own} trials{which}: the policy is used as it is"
        )
    if options.batch_size is not None and options.batch_size > options.n_steps:
        said.append(f"batch_size {options.batch_size} is more than n_steps {options.n_steps}: cut to that")
    if options.n_epochs > MOST_EPOCHS:
        said.append(
            f"n_epochs {options.n_epochs} is cut to {MOST_EPOCHS}: learning would take the trials' time"
        )
    if total is not None and total > trials:
        said.append(f"total_timesteps {total} is out of reach: there are {trials} trials")
    if total is not None and total < options.n_steps < own:
        said.append(f"total_timesteps {total} ends before n_steps {options.n_steps}: no update")
    if options.save_policy and not options.updates(own):
        said.append(f"the policy does not change, and is not saved to {options.save_policy}")
    return said
