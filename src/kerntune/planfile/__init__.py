"""Plan files: JSON text in, a plan out, or every fault of it at once; and back to text."""

from kerntune.planfile.check import Known
from kerntune.planfile.load import load_plan, parse_plan
from kerntune.planfile.shape import dump_plan, schema

__all__ = ["Known", "dump_plan", "load_plan", "parse_plan", "schema"]
