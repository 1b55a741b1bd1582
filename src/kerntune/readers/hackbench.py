"""The format of hackbench, as rt-tests bring it. Written against its version 2.40."""

from kerntune.readers.formats import NUMBER, Entry, Format, less

HACKBENCH = Format({"time": Entry(less("s"), rf"^Time: {NUMBER}$")}, whole=r"^Time: ")
