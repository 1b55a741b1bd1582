"""Conformance suites and simulations that outsiders can run too."""
