"""What this machine allows: whether a sandbox can be made here; if not, what is missing and how to get it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Read = Callable[[str], str | None]
"""Returns the text of a file below /proc/sys, None when there is none."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What decides whether an ordinary user can make a sandbox; None: this kernel has no such switch.

    `most_user_namespaces`: user.max_user_namespaces. `unprivileged`: kernel.unprivileged_userns_clone, an
    addition of Debian and Arch. `apparmor`: kernel.apparmor_restrict_unprivileged_userns, an addition of
    Ubuntu since 23.10.
    """

    is_root: bool
    most_user_namespaces: int | None
    unprivileged: int | None
    apparmor: int | None

    @property
    def missing(self) -> tuple[str, ...]:
        """Returns what stands in the way of an ordinary user, in words."""
        return tuple(what for what, _ in self._obstacles())

    @property
    def remedy(self) -> str:
        """Returns how to get what is missing, "" when nothing is."""
        return "; or ".join(how for _, how in self._obstacles())

    def _obstacles(self) -> tuple[tuple[str, str], ...]:
        if self.is_root:
            return ()
        found = []
        if self.most_user_namespaces == 0:
            found.append(("user namespaces are switched off", "sudo sysctl user.max_user_namespaces=10000"))
        if self.unprivileged == 0:
            what = "user namespaces are kept for root"
            found.append((what, "sudo sysctl kernel.unprivileged_userns_clone=1"))
        if self.apparmor == 1:
            what = "AppArmor takes all rights in user namespaces from programs without a profile"
            how = (
                "give your Python an AppArmor profile with the rule `userns,` "
                "(a file in /etc/apparmor.d), or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            )
            found.append((what, how))
        return tuple(found)


def diagnose() -> Diagnosis:
    """Returns the facts of this machine."""
    return diagnosis(os.geteuid(), _read)


def diagnosis(uid: int, read: Read) -> Diagnosis:
    """Returns the facts for a user of a machine whose /proc/sys is read by `read`."""
    return Diagnosis(
        is_root=uid == 0,
        most_user_namespaces=_number(read("user/max_user_namespaces")),
        unprivileged=_number(read("kernel/unprivileged_userns_clone")),
        apparmor=_number(read("kernel/apparmor_restrict_unprivileged_userns")),
    )


def advice() -> str:
    """Returns how to be allowed a sandbox here, for the hint of an error that says we are not."""
    facts = diagnose()
    if facts.is_root:
        return "this root may not make namespaces: in a container, ask for CAP_SYS_ADMIN (--privileged)"
    if not facts.missing:
        return "run as root, or allow user namespaces (in a container: its seccomp profile forbids unshare)"
    return f"{'; '.join(facts.missing)}: {facts.remedy}; or run as root"


def _read(name: str) -> str | None:
    try:
        return (Path("/proc/sys") / name).read_text()
    except OSError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None
