"""The hand: the small privileged program that reads, writes and restores knobs inside one target.

Standard library only; no sockets, no shell. It takes catalogue knob names with typed values and a lease,
never a path, a glob or a string to be run. `program` is the program, `client` speaks to it, `recovery`
looks after what a killed one left behind.
"""
