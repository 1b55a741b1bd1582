"""Load generators: each a script that needs the standard library only and prints `name: value` lines.

A script runs on a host of the place as `python -I -S script.py server|client name=value…`, which takes 15 to
25 ms to start. In that mode a script cannot import its neighbours, so each one is whole.
"""
