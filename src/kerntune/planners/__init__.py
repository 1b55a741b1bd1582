"""Planners: turn the user's sentence into a plan."""
