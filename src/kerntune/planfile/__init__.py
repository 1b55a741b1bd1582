"""Plan files: JSON text in, a plan out, or every fault of it at once; and back to text."""

from kerntune.planfile.check import Known
from kerntune.planfile.conversion import CONFIG_PLANNER
from kerntune.planfile.load import check_plan, load_plan, parse_plan
from kerntune.planfile.shape import LARGEST_SEED, dump_plan, schema

__all__ = [
    "CONFIG_PLANNER",
    "LARGEST_SEED",
    "Known",
    "check_plan",
    "dump_plan",
    "load_plan",
    "parse_plan",
    "schema",
]
