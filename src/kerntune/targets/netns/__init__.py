"""The target `netns`: two hosts in network namespaces of their own, joined by an emulated link.

Nothing on the machine changes, nothing needs root where user namespaces are allowed, and nothing is left when
it ends, however it ends: the kernel itself takes everything away with one process.
"""

from kerntune.targets.netns.diagnosis import Diagnosis, diagnose
from kerntune.targets.netns.target import NetnsTarget, open_target

__all__ = ["Diagnosis", "NetnsTarget", "diagnose", "open_target"]
