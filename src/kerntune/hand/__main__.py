"""Starts the hand: `python -m kerntune.hand --journal DIR`."""

import sys

from kerntune.hand.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
