"""Workloads: the programs whose speed the user cares about. One module each; they do not know each other."""
