"""The workload redis: a redis-server of our own, full of keys, under redis-benchmark."""

import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Literal

from pydantic import Field

from kerntune.errors import RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, read
from kerntune.workloads.available import check_memory
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need
from kerntune.workloads.server import free_port, serving

_FILL = """local value = string.rep('x', ARGV[3])
for i = ARGV[1], ARGV[2] do redis.call('SET', string.format('key:%012d', i), value) end"""
_OVERHEAD = 100  # bytes of a key besides its value
_FILL_AT_ONCE = 20_000  # for longer than 5 s, on a slow machine, redis complains


class RedisOptions(Options):
    """Which test with how many requests, and the keys that are there before it begins."""

    test: Literal["get", "set"] = "get"
    pipeline: int = Field(16, ge=1, le=10_000)
    clients: int = Field(50, ge=1, le=10_000)
    keys: int = Field(1_000_000, ge=1, le=100_000_000)
    value_bytes: int = Field(128, ge=1, le=1 << 20)
    requests: int = Field(1_000_000, ge=1, le=1_000_000_000)


class Redis:
    """Random GETs or SETs at an own redis-server full of keys: how many a second, and the slowest one in 100.

    The server is new for every run, so its memory and sockets are made after the config is applied. It keeps
    nothing on disk, and is told not to switch huge pages off for itself, as it otherwise does: the machine's
    setting holds. It is filled by the server itself and then asked over loopback by redis-benchmark, one
    thread each. A request's latency is that of the whole pipeline it was sent in.
    """

    name = "redis"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(RedisOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """A minute, and what a machine needs that is slower by far than any that is tuned."""
        return 60.0 + self._options.requests / 10_000 + self._options.keys / 10_000

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the requests a second, and the 99th percentile of their latencies."""
        return (
            MetricSpec("requests", "1/s", Direction.MAXIMIZE),
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Starts a server, fills it, runs redis-benchmark once and returns its metrics.

        Raises:
            RunFailed: redis is not installed, the server does not start or dies, or the benchmark fails or
                does not end in time.
            MetricError: a figure is missing or not finite.
        """
        deadline = monotonic() + deadline_s
        server, benchmark = need("redis-server"), need("redis-benchmark")
        needed = self._options.keys * (self._options.value_bytes + _OVERHEAD) / 2**20
        check_memory(needed, self.name, "keys or value_bytes")
        host = place.hosts[-1]
        secret = secrets.token_hex(16)  # known to our server alone: another one refuses it
        address = (place.address(host), free_port(place.address(host)))
        argv = [server, *_settings(address, secret)]
        with serving(place, host, argv, lambda: _is_ours(address, secret), deadline=deadline):
            self._fill(address, secret, deadline)
            load = [benchmark, *self._load(address, secret)]
            completed = execute(place, place.hosts[0], load, deadline_s=deadline - monotonic())
        finds = ("requests_per_second", "p99")
        wanted = [Wanted(spec, find) for spec, find in zip(self.metrics(place.link), finds, strict=True)]
        return read(READERS["redis-benchmark"], completed.stdout, wanted)

    def _fill(self, address: tuple[str, int], secret: str, deadline: float) -> None:
        """Makes the keys that redis-benchmark will ask for."""
        options = self._options
        try:
            with _connected(address, secret, deadline - monotonic()) as server:
                for first in range(0, options.keys, _FILL_AT_ONCE):
                    last = min(first + _FILL_AT_ONCE, options.keys) - 1
                    server.settimeout(max(0.001, deadline - monotonic()))
                    _ask(server, "EVAL", _FILL, "0", str(first), str(last), str(options.value_bytes))
        except TimeoutError as error:
            msg = f"the server was not full of {options.keys} keys in time"
            raise RunFailed(msg, kind="timeout", hint="fewer keys, or more time") from error
        except OSError as error:
            msg = f"the server could not be filled with {options.keys} keys: {error}"
            raise RunFailed(msg, kind="exit") from error

    def _load(self, address: tuple[str, int], secret: str) -> list[str]:
        options = self._options
        return [
            *("-h", address[0], "-p", str(address[1]), "-a", secret, "-t", options.test, "--csv"),
            *("-n", str(options.requests), "-r", str(options.keys), "-d", str(options.value_bytes)),
            *("-P", str(options.pipeline), "-c", str(options.clients)),
        ]


def _settings(address: tuple[str, int], secret: str) -> list[str]:
    return [
        *("--bind", address[0], "--port", str(address[1]), "--requirepass", secret, "--tcp-backlog", "65535"),
        *("--save", "", "--appendonly", "no", "--disable-thp", "no", "--daemonize", "no", "--logfile", ""),
    ]


def _is_ours(address: tuple[str, int], secret: str) -> bool:
    """Tells whether a server answers that knows the secret of this run."""
    with suppress(OSError), _connected(address, secret, 1.0):
        return True
    return False


def _connected(address: tuple[str, int], secret: str, timeout_s: float) -> socket.socket:
    server = socket.create_connection(address, max(0.001, timeout_s))
    try:
        _ask(server, "AUTH", secret)
    except BaseException:
        server.close()
        raise
    return server


def _ask(server: socket.socket, *words: str) -> None:
    """Asks the server to do something. Its protocol is RESP: redis.io/docs/reference/protocol-spec.

    Raises:
        OSError: the connection broke, or the server refused.
    """
    parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
    server.sendall("".join(parts).encode())
    answer = b""
    while not answer.endswith(b"\r\n"):
        chunk = server.recv(4096)
        if not chunk:
            msg = "the server closed the connection"
            raise ConnectionError(msg)
        answer += chunk
    if answer.startswith(b"-"):
        msg = f"the server answered {answer.decode(errors='replace').strip()[1:200]}"
        raise ConnectionError(msg)
