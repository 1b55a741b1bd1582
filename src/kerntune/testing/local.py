"""A place made of this machine alone: one host, plain subprocesses, loopback. No knob is ever touched."""

import os
import select
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kerntune.errors import TargetError
from kerntune.interfaces import Link

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MARK = "KERNTUNE_RUN"


class LocalProcess:
    """A program in a session and process group of its own, marked in its environment.

    The mark finds children that left the group (setsid); one that also clears its environment gets away.
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process = process
        self._mark = mark
        self._pidfd = os.pidfd_open(process.pid)
        self._status: int | None = None

    def wait(self, timeout_s: float) -> int | None:
        """Returns its exit status (negative: the signal that ended it), or None if it still runs."""
        if self._status is None and _readable(self._pidfd, timeout_s):
            # WNOWAIT leaves the zombie: its pid, and so its group, cannot be given to somebody else yet
            ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
            assert ended is not None
            self._status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        return self._status

    def end(self) -> None:
        """Ends the group and everything that carries the mark, and reaps it. A second call does nothing."""
        if self._pidfd < 0:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(60.0)
        self._process.wait()
        os.close(self._pidfd)
        self._pidfd = -1
        while sum(_kill_marked(int(entry.name), self._mark) for entry in Path("/proc").glob("[0-9]*")):
            pass  # until a whole look finds none: one of them may have forked meanwhile


class LocalPlace:
    """One host, "local", that reaches itself over loopback.

    `environment` is what its programs see, `scratch` a directory of the caller's.
    """

    hosts: tuple[str, ...] = ("local",)
    link: Link | None = None

    def __init__(self, environment: Mapping[str, str] | None = None, scratch: Path | None = None) -> None:
        self._environment = dict(environment or {"PATH": _PATH})
        self._scratch = scratch

    def address(self, host: str) -> str:
        """Returns the loopback address."""
        assert host in self.hosts
        return "127.0.0.1"

    def scratch(self, host: str) -> Path:
        """Returns the directory it was given.

        Raises:
            TargetError: it was given none.
        """
        assert host in self.hosts
        if self._scratch is None:
            msg = "this place has no directory of its own"
            raise TargetError(msg)
        return self._scratch

    def start(
        self,
        argv: Sequence[str],
        host: str,
        stdout: int,
        stderr: int,
        *,
        privileged: bool = False,  # noqa: ARG002 - all programs run as who we are
    ) -> LocalProcess:
        """Starts a program; `stdout` and `stderr` are open file descriptors of the caller."""
        assert host in self.hosts
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**self._environment, _MARK: mark},
            start_new_session=True,
        )
        return LocalProcess(process, mark)

    def network_counters(self) -> Mapping[str, float]:
        """Returns nothing: the machine's counters are not the workload's alone."""
        return {}


def _readable(descriptor: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _kill_marked(pid: int, mark: str) -> bool:
    """Ends a process if its environment holds the mark; returns whether it did."""
    try:
        pidfd = os.pidfd_open(pid)  # before the look, so that the process looked at is the one that is ended
    except OSError:
        return False
    try:
        if f"{_MARK}={mark}".encode() not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        return False
    else:
        _readable(pidfd, 1.0)
        return True
    finally:
        os.close(pidfd)
