"""Searches over the unit cube, asked for points and told their scores.

Each is a class `Name(task)` registered under `kerntune.optimizers`: the task holds the cube to be searched,
the points to be asked first (the plan's hints, in order), a seed that makes it repeatable, the number of
trials to come and the optimizer's own options. `kerntune.testing.optimizer` checks what all of them promise.
"""
