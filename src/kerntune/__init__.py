"""kerntune: one sentence in; verified, reversible Linux kernel settings out.

import kerntune
kerntune.tune("bulk file transfer over a long-distance link")
"""

from typing import Any

__version__ = "0.1.0"

__all__ = ["Wishes", "__version__", "optimize_os_parameters", "run_rl_optimization", "tune"]


def __getattr__(name: str) -> Any:
    """Imports the public names when they are first used: the hand and `--help` start without them."""
    if name in {"tune", "Wishes"}:
        from kerntune import app  # noqa: PLC0415 - see above

        return getattr(app, name)
    if name in {"optimize_os_parameters", "run_rl_optimization"}:
        from kerntune.app import seeds  # noqa: PLC0415 - see above

        return getattr(seeds, name)
    msg = f"module 'kerntune' has no attribute {name!r}"
    raise AttributeError(msg)
