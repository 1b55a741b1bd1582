"""Where the programs are that workloads start, and the package that brings one that is missing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from kerntune.errors import RunFailed

PACKAGES = {
    "ab": ("apache2-utils", "httpd-tools"),
    "cc": ("gcc", "gcc"),
    "fio": ("fio", "fio"),
    "hackbench": ("rt-tests", "realtime-tests"),
    "initdb": ("postgresql", "postgresql-server"),
    "memcached": ("memcached", "memcached"),
    "nginx": ("nginx", "nginx"),
    "perf": ("linux-perf", "perf"),
    "pg_ctl": ("postgresql", "postgresql-server"),
    "pg_isready": ("postgresql-client", "postgresql"),
    "pgbench": ("postgresql-contrib", "postgresql-contrib"),
    "postgres": ("postgresql", "postgresql-server"),
    "psql": ("postgresql-client", "postgresql"),
    "redis-benchmark": ("redis-tools", "redis"),
    "redis-cli": ("redis-tools", "redis"),
    "redis-server": ("redis-server", "redis"),
    "stress-ng": ("stress-ng", "stress-ng"),
    "sysbench": ("sysbench", "sysbench"),
    "wrk": ("wrk", "wrk"),
}
"""Each program's package on Debian and its kin, and on Fedora and its kin."""

_UBUNTU = {"perf": "linux-tools-common linux-tools-generic"}
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_POSTGRESQL = (("usr/lib/postgresql", "*/bin"), ("usr", "pgsql-*/bin"))  # Debian's places, PGDG's on Fedora


def need(program: str, *, root: Path = Path("/")) -> str:
    """Returns the whole path of a program: from the PATH, else where distributions put it.

    PostgreSQL's server programs are kept off the PATH, beside each other by version: the newest is taken.

    Raises:
        RunFailed: it is not installed (kind "exit"); the hint names the package that brings it.
    """
    folders = [str(root / folder.lstrip("/")) for folder in _FOLDERS]
    found = shutil.which(program) if root == Path("/") else None
    for folder in [*folders, *_postgresql_folders(root)]:
        found = found or shutil.which(program, path=folder)
    if found:
        return found
    msg = f"the program {program} is not installed"
    raise RunFailed(msg, kind="exit", hint=_hint(program, _distribution(root)))


def _postgresql_folders(root: Path) -> Iterator[str]:
    for base, pattern in _POSTGRESQL:
        found = (root / base).glob(pattern)
        yield from map(str, sorted(found, key=lambda folder: _version(folder.parent.name), reverse=True))


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("pgsql-").split(".") if part.isdigit())


def _hint(program: str, kin: frozenset[str]) -> str:
    if program not in PACKAGES:
        return f"install {program}, or put its folder on the PATH"
    debian, fedora = PACKAGES[program]
    if kin & {"fedora", "rhel", "centos"}:
        return f"dnf install {fedora}"
    if "ubuntu" in kin:
        debian = _UBUNTU.get(program, debian)
    if kin & {"debian", "ubuntu"}:
        return f"apt install {debian}"
    return f"install the package {debian} (Fedora: {fedora})"


def _distribution(root: Path) -> frozenset[str]:
    """Returns the distribution's name and those it descends from, as os-release(5) has them."""
    try:
        lines = (root / "etc/os-release").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset()
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    names = f"{told.get('ID', '')} {told.get('ID_LIKE', '')}".replace('"', " ").replace("'", " ")
    return frozenset(names.split())
