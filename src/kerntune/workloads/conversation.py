"""A conversation: two load generators of ours, a server on one host and its client on the other."""

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from kerntune.errors import RunFailed
from kerntune.execution import Program, started
from kerntune.interfaces import Place
from kerntune.readers import READERS, choose

_LOAD = Path(__file__).with_name("load")


def converse(place: Place, load: str, settings: Mapping[str, object], deadline_s: float) -> str:
    """Returns what the client of a conversation printed, when it has ended by itself.

    Both programs start inside the block in which the config is applied, so every socket is made after it.
    The server listens on a port that was free; a secret made for this run tells each end that the other is
    ours and no program left over from before.

    Args:
        place: one host, which talks to itself, or two; the first one starts the conversation.
        load: name of the script in `load/`.
        settings: what both ends are told, as `name=value`.
        deadline_s: seconds after which both are ended.

    Raises:
        RunFailed: one of them failed, printed too much, or did not end in time.
        MetricError: the server did not say its port.
    """
    deadline = monotonic() + deadline_s
    client_host, server_host = place.hosts[0], place.hosts[-1]
    told = {**settings, "address": place.address(server_host), "nonce": secrets.token_hex(16)}
    with started(place, server_host, _argv(load, "server", told), privileged=True) as server:
        line = server.first_line(deadline - monotonic())
        told["port"] = int(choose(READERS["lines"](line, "port"), "port"))
        with started(place, client_host, _argv(load, "client", told), privileged=True) as client:
            return _finished(client, server, deadline - monotonic())


def _finished(client: Program, server: Program, timeout_s: float) -> str:
    try:
        return client.finish(timeout_s).stdout
    except RunFailed as error:
        server.look()
        tail = f"{error.tail}\nthe server printed:\n{server.tail}".strip()
        raise RunFailed(str(error), kind=error.kind, tail=tail, hint=error.hint) from error


def _argv(load: str, role: str, settings: Mapping[str, object]) -> list[str]:
    script = _LOAD / f"{load}.py"
    told = [f"{name}={value}" for name, value in settings.items()]
    return [sys.executable, "-I", "-S", str(script), role, *told]
