"""Keeps a result on a machine, shows what it would change first, compares later, and takes it back."""

from kerntune.keep.exports import ansible_tasks, shell_script, sysctl_conf, tuned_profile
from kerntune.keep.hints import hint_from
from kerntune.keep.keeper import ROOT, Home, Keeper, Proposal, Undone, Withdrawal
from kerntune.keep.kernel import look, present
from kerntune.keep.record import File, Kept, Ledger, Occasion
from kerntune.keep.render import one_line, render
from kerntune.keep.shell import paste
from kerntune.keep.units import drop_in, install, units, written
from kerntune.keep.values import names
from kerntune.keep.verify import Difference, is_kept

__all__ = [
    "ROOT",
    "Difference",
    "File",
    "Home",
    "Keeper",
    "Kept",
    "Ledger",
    "Occasion",
    "Proposal",
    "Undone",
    "Withdrawal",
    "ansible_tasks",
    "drop_in",
    "hint_from",
    "install",
    "is_kept",
    "look",
    "names",
    "one_line",
    "paste",
    "present",
    "render",
    "shell_script",
    "sysctl_conf",
    "tuned_profile",
    "units",
    "written",
]
