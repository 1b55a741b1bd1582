"""The few system calls that Python 3.11 has no name for. A refusal becomes a TargetError with its reason."""

import ctypes
import os

from kerntune.errors import TargetError

NEW_MOUNTS = 0x00020000
NEW_USER = 0x10000000
NEW_PIDS = 0x20000000
NEW_NET = 0x40000000
"""Kinds of namespaces: CLONE_NEWNS, _NEWUSER, _NEWPID and _NEWNET of include/uapi/linux/sched.h."""

_NOSUID_NODEV = 0x2 | 0x4
_NOEXEC = 0x8
_RECURSIVE_PRIVATE = 0x4000 | 0x40000
_SET_DEATH_SIGNAL = 1
_SET_NAME = 15
_SET_TIMER_SLACK = 29
_SET_CHILD_SUBREAPER = 36

_LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(kinds: int, what: str) -> None:
    """Moves the caller into new namespaces; `what` names them in the error.

    Raises:
        TargetError: the kernel refused (unshare(2)).
    """
    _check(_LIBC.unshare(kinds), f"make {what}")


def enter(namespace: int, kind: int) -> None:
    """Moves the caller into the namespace of an open file of /proc/PID/ns.

    Raises:
        TargetError: the kernel refused (setns(2)).
    """
    _check(_LIBC.setns(namespace, kind), "enter a namespace")


def privatize_mounts() -> None:
    """Keeps the caller's later mounts out of every other mount namespace.

    Raises:
        TargetError: the kernel refused (mount(2)).
    """
    _check(_LIBC.mount(None, b"/", None, _RECURSIVE_PRIVATE, None), "make the mounts private")


def mount_memory(path: str) -> None:
    """Mounts an empty file system in memory on a directory.

    Raises:
        TargetError: the kernel refused (mount(2)).
    """
    _check(
        _LIBC.mount(b"tmpfs", os.fsencode(path), b"tmpfs", _NOSUID_NODEV, b"mode=700"),
        f"mount a private directory on {path}",
    )


def mount_proc() -> None:
    """Mounts a /proc that shows the caller's own process namespace.

    Raises:
        TargetError: the kernel refused, as it does where parts of /proc are hidden (mount(2)).
    """
    _check(_LIBC.mount(b"proc", b"/proc", b"proc", _NOSUID_NODEV | _NOEXEC, None), "mount /proc")


def die_with_parent(signal: int) -> None:
    """Has the kernel send the caller a signal when the thread that forked it ends (prctl(2)).

    Raises:
        TargetError: the kernel refused.
    """
    _check(_prctl(_SET_DEATH_SIGNAL, ctypes.c_ulong(signal)), "follow the parent process")


def gather_orphans() -> None:
    """Makes the caller the parent of every orphan among its descendants (PR_SET_CHILD_SUBREAPER).

    Raises:
        TargetError: the kernel refused.
    """
    _check(_prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(1)), "gather orphans")


def sharpen_timers() -> None:
    """Asks for wake-ups within 1 ns of the time asked for instead of 50 µs (PR_SET_TIMERSLACK).

    Raises:
        TargetError: the kernel refused.
    """
    _check(_prctl(_SET_TIMER_SLACK, ctypes.c_ulong(1)), "set the timer slack")


def name_process(name: str) -> None:
    """Names the caller as ps(1) and top(1) show it; the kernel keeps 15 bytes.

    Raises:
        TargetError: the kernel refused.
    """
    _check(_prctl(_SET_NAME, ctypes.c_char_p(name.encode())), "name a process")


def _prctl(option: int, value: ctypes.c_ulong | ctypes.c_char_p) -> int:
    zero = ctypes.c_ulong(0)  # of full width: the function is variadic
    return int(_LIBC.prctl(option, value, zero, zero, zero))


def _check(status: int, action: str) -> None:
    if status:
        reason = os.strerror(ctypes.get_errno())
        msg = f"cannot {action}: {reason}"
        raise TargetError(msg)
