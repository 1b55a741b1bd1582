"""`python -m kerntune` is the command line."""

from kerntune.cli import main

main()
