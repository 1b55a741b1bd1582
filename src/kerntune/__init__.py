"""kerntune: one sentence in; verified, reversible Linux kernel settings out."""

__version__ = "0.1.0"
