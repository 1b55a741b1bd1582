"""The account that programs run as where we are root."""

import os
import pwd
from dataclasses import dataclass

from kerntune.errors import TargetError


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int
    name: str


def ordinary(wanted: str) -> Account:
    """Returns the account for programs that need no privileges: our own unless we are root, then nobody.

    `wanted` is a user's name, "" to choose.

    Raises:
        TargetError: there is no such user, it is root, or we may not become it.
    """
    own = os.geteuid()
    if own != 0 and not wanted:
        return Account(own, os.getegid(), _name(own))
    found = _by_name(wanted or "nobody")
    if found.uid == 0:
        msg = "programs are not to run as root, and the account chosen is root's"
        raise TargetError(msg, hint="choose another user: target option account")
    if own not in (0, found.uid):
        msg = f"cannot run programs as {wanted}: only root can become another user"
        raise TargetError(msg, hint="leave the target option account out")
    return found


def _by_name(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        msg = f"there is no user {name!r} on this machine"
        raise TargetError(msg, hint="choose another: target option account") from None
    return Account(entry.pw_uid, entry.pw_gid, name)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
