"""The PPO tactician: one small net for any number of knobs, trained on simulated searches, run in numpy.

`Ppo` is the optimizer; `load` and `save` read and write policies; `python -m kerntune.optimizers.ppo.train`
makes them.
"""

from kerntune.optimizers.ppo.net import load, save
from kerntune.optimizers.ppo.tactician import Ppo

__all__ = ["Ppo", "load", "save"]
