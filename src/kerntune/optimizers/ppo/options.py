"""The options of `ppo`, and what it has to say about those that cannot do any good within the budget."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kerntune.encoding import Task
from kerntune.errors import Fault, PlanError


class Options(BaseModel):
    """What `ppo` can be told. The names are those of stable-baselines3, with defaults for few, dear runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    policy: str | None = None  # an .npz file to begin from, instead of the policy that comes with kerntune
    save_policy: str | None = None  # an .npz file, written after each update
    n_steps: int = Field(16, ge=2)
    batch_size: int | None = Field(None, ge=1)
    n_epochs: int = Field(4, ge=1)
    learning_rate: float = Field(3e-4, ge=0.0, le=1.0)
    gamma: float = Field(0.95, ge=0.0, le=1.0)
    ent_coef: float = Field(0.0, ge=0.0)
    total_timesteps: int | None = Field(None, ge=1)
    max_steps_per_episode: int | None = Field(None, ge=1)


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


def doubts(options: Options, trials: int) -> list[str]:
    """Returns what the user should know about options that do nothing within so many trials."""
    said = []
    if options.n_steps > trials and options.learning_rate > 0:
        said.append(
            f"n_steps {options.n_steps} is more than the {trials} trials: the policy is used as it is"
        )
    if options.batch_size is not None and options.batch_size > options.n_steps:
        said.append(f"batch_size {options.batch_size} is more than n_steps {options.n_steps}: cut to that")
    if options.total_timesteps is not None and options.total_timesteps > trials:
        said.append(f"total_timesteps {options.total_timesteps} is out of reach: there are {trials} trials")
    if options.total_timesteps is not None and options.total_timesteps < min(trials, options.n_steps):
        said.append(
            f"total_timesteps {options.total_timesteps} ends before n_steps {options.n_steps}: no update"
        )
    return said
