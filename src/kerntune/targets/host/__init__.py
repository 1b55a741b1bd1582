"""The target `host`: this machine itself, its real knobs, and programs that run on it."""

from kerntune.targets.host.target import HostTarget, open_target

__all__ = ["HostTarget", "open_target"]
