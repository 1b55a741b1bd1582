"""Searches over the unit cube, asked for points and told their scores.

Each is a class `Name(cube, start=(), seed=0)` registered under `kerntune.optimizers`: `cube` is what is
searched, `start` the points to be asked first (the plan's hints, in order), `seed` makes it repeatable.
`kerntune.testing.optimizer` checks what all of them promise.
"""
