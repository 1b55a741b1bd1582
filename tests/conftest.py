"""What holds for all tests."""

from hypothesis import settings

# A machine that is busy is no fault of the code: timings live in benchmarks.
settings.register_profile("kerntune", deadline=None)
settings.load_profile("kerntune")
