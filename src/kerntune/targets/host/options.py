"""The options of the target `host`: parsed once, every fault reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerntune.errors import Fault, PlanError

SOURCE = "target host"
NAMES = ("directory", "account", "reserve_mib")


@dataclass(frozen=True, slots=True)
class Options:
    """Where workloads keep their files, as which account they run, and how much memory must stay free.

    `directory` chooses the disk: its knobs are the ones that can be turned. `account` is used only where we
    are root. Programs are ended when less than `reserve_mib` MiB of memory are available.
    """

    directory: Path = Path("/var/tmp")  # noqa: S108 - on a disk, unlike /tmp; what is made there is private
    account: str = ""
    reserve_mib: int = 256


def parse(options: Mapping[str, object]) -> Options:
    """Returns the options of a plan's `target_options`.

    Raises:
        PlanError: with every unknown option and every value that is wrong.
    """
    faults = [
        Fault(f"target_options.{name}", value, problem)
        for name, value in options.items()
        if (problem := _problem(name, value))
    ]
    if faults:
        raise PlanError(SOURCE, faults, hint=f"options: {', '.join(NAMES)}")
    default = Options()
    return Options(
        directory=Path(str(options.get("directory", default.directory))),
        account=str(options.get("account", default.account)),
        reserve_mib=int(str(options.get("reserve_mib", default.reserve_mib))),
    )


def _problem(name: str, value: object) -> str:
    if name not in NAMES:
        return "no such option"
    if name == "reserve_mib":
        whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1 << 20
        return "" if whole else "must be a whole number of MiB"
    if not isinstance(value, str) or not value or "\0" in value:
        return "must be a text"
    if name == "directory" and not (Path(value).is_absolute() and Path(value).is_dir()):
        return "must be a directory, named from the root"
    return ""
