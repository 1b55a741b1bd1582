"""Targets: where trials run. Each is registered as an entry point of the group `kerntune.targets`."""
