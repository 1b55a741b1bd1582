"""kerntune: one sentence in; verified, reversible Linux kernel settings out.

import kerntune
kerntune.tune("bulk file transfer over a long-distance link")
"""

from typing import Any

__version__ = "0.1.0"

__all__ = ["Wishes", "__version__", "tune"]


def __getattr__(name: str) -> Any:
    """Imports the public names when they are first used: the hand and `--help` start without them."""
    if name in {"tune", "Wishes"}:
        from kerntune import app  # noqa: PLC0415 - see above

        return getattr(app, name)
    msg = f"module 'kerntune' has no attribute {name!r}"
    raise AttributeError(msg)
