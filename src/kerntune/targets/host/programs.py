"""Runs one program on the host under a process of ours that gathers everything the program leaves behind."""

import json
import os
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from kerntune.errors import TargetError
from kerntune.targets import syscalls

_PATIENCE_S = 5.0
_LOOK_S = 0.002  # a killed process needs that long to give its memory back


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, where, as whom; open files for its output, and `report` tells what became of it.

    `account` is a user's and a group's number, None to run as who we are.
    """

    argv: tuple[str, ...]
    directory: str
    account: tuple[int, int] | None
    environment: Mapping[str, str]
    stdout: int
    stderr: int
    report: int

    @property
    def files(self) -> tuple[int, ...]:
        """Returns every open file that is needed to run it."""
        return self.stdout, self.stderr, self.report


def serve(program: Program) -> None:
    """Runs the program and reports `{"started": …}` or `{"refused": …}`, then `{"status": …}`. Never returns.

    Whatever the program starts and leaves becomes a child of this process, whose end is ordered from outside.
    """
    syscalls.name_process("kerntune-run")
    syscalls.gather_orphans()
    signal.signal(signal.SIGTERM, _leave)
    syscalls.die_with_parent(signal.SIGTERM)
    os.setsid()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        _execute(program, tell)
    for file in (tell, program.stdout, program.stderr):
        os.close(file)
    reason = os.read(told, 4096).decode()
    _report(program, {"refused": reason} if reason else {"started": pid})
    while True:
        _reap(program, pid)


def _leave(_number: int, _frame: object) -> NoReturn:
    """Ends everything when the warden is gone."""
    with suppress(TargetError):
        end_tree(os.getpid())
    os._exit(1)


def end_tree(root: int, *, spare: Collection[int] = ()) -> None:
    """Ends every descendant of a process that gathers orphans, and waits until they are gone.

    Those in `spare` are left alone, with all that is theirs. One that forks while it dies leaves its child
    with that process, to be found by the next look.

    Raises:
        TargetError: one does not end, or has more rights than we.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while descendants := _descendants(root, spare):
        for pid in descendants:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            msg = f"cannot end process {descendants[0]} and {len(descendants) - 1} others of a workload"
            raise TargetError(msg, hint="they wait for a device, or run with more rights than kerntune has")
        time.sleep(_LOOK_S)


def _descendants(root: int, spare: Collection[int]) -> list[int]:
    """Returns the living processes below one; those that only wait to be reaped do not count."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            parents[int(entry.name)] = parent
    found: set[int] = set()
    news = {root}
    while news:
        news = {pid for pid, parent in parents.items() if parent in news} - found - {*spare}
        found |= news
    return sorted(found)


def _parent(process: Path) -> int | None:
    try:
        fields = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[1])


def _reap(program: Program, main: int) -> None:
    try:
        pid, status = os.wait()
    except ChildProcessError:
        signal.pause()
        return
    if pid == main:
        _report(program, {"status": os.waitstatus_to_exitcode(status)})


def _report(program: Program, message: dict[str, object]) -> None:
    os.write(program.report, json.dumps(message).encode() + b"\n")


def _execute(program: Program, tell: int) -> NoReturn:
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, stream in ((nothing, 0), (program.stdout, 1), (program.stderr, 2)):
            os.dup2(source, stream)
        if program.account is not None:
            uid, gid = program.account
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        os.chdir(program.directory)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execvpe(program.argv[0], program.argv, program.environment)  # noqa: S606 - an argv list
    except OSError as error:
        os.write(tell, (error.strerror or str(error)).encode())
    finally:
        os._exit(127)
