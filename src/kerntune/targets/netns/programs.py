"""Runs one program inside the sandbox, in a process namespace of its own.

The first process of that namespace is ours and only waits. When it is killed, the kernel ends everything that
the program ever started, whatever sessions, groups or parents those chose for themselves.
"""

import json
import os
import signal
from dataclasses import dataclass
from typing import NoReturn

from kerntune.errors import TargetError
from kerntune.targets import syscalls


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and where: open files for its output, and `report`, a pipe that tells what became of it."""

    argv: tuple[str, ...]
    directory: str
    network: int
    stdout: int
    stderr: int
    report: int

    @property
    def files(self) -> tuple[int, ...]:
        """Returns every open file that is needed to run it."""
        return self.network, self.stdout, self.stderr, self.report


def serve(program: Program) -> None:
    """Runs the program and reports `{"started": …}` or `{"refused": …}`, then `{"status": …}`. Never returns.

    Called as the first process of a process namespace; ends when it is killed.
    """
    syscalls.name_process("kerntune-init")
    syscalls.enter(program.network, syscalls.NEW_NET)
    _show_own_processes()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        _execute(program, tell)
    for file in (tell, program.network, program.stdout, program.stderr):
        os.close(file)
    reason = os.read(told, 4096).decode()
    _report(program, {"refused": reason} if reason else {"started": pid})
    while True:
        _reap(program, pid)


def _show_own_processes() -> None:
    try:
        syscalls.unshare(syscalls.NEW_MOUNTS, "a private view of the processes")
        syscalls.privatize_mounts()
        syscalls.mount_proc()
    except TargetError:
        return  # where parts of /proc are hidden the kernel allows no other; nothing of ours depends on it


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
        os.chdir(program.directory)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, stream in ((nothing, 0), (program.stdout, 1), (program.stderr, 2)):
            os.dup2(source, stream)
        os.execvp(program.argv[0], program.argv)  # noqa: S606 - an argv list, never a shell string
    except OSError as error:
        os.write(tell, (error.strerror or str(error)).encode())
    finally:
        os._exit(127)
