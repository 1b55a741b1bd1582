"""The workload http: an nginx of our own, and one that stands before it, under wrk or ab."""

import os
import resource
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from typing import Literal

from pydantic import Field

from kerntune.errors import MetricError, RunFailed
from kerntune.execution import execute
from kerntune.interfaces import Link, MetricSpec, Place
from kerntune.model.measurement import Metric
from kerntune.model.plan import Direction
from kerntune.readers import READERS, Wanted, choose, read
from kerntune.workloads.disk import passing_directory, write_file
from kerntune.workloads.options import Options, check
from kerntune.workloads.programs import need
from kerntune.workloads.server import free_port, serving

_FILES = 65_536  # open at once in a worker
_PAGE = "page.html"
_MAKE_PAGE = r'head -c "$2" /dev/zero | tr "\0" x > "$1"'  # longer than a program's argument may be
_WHO = "/kerntune-who"
_AB_REQUESTS_A_SECOND = 100_000  # more than ab can make; -t alone would stop at 50,000 in all


class HttpOptions(Options):
    """How clients connect, what they fetch, and for how long. wrk counts whole seconds."""

    connections: Literal["keep-alive", "short"] = "keep-alive"
    content: Literal["static", "proxied"] = "static"
    clients: int = Field(64, ge=2, le=10_000)
    page_bytes: int = Field(4096, ge=1, le=1 << 20)
    duration_s: float = Field(4.0, ge=1.0, le=600.0, multiple_of=1.0)


class Http:
    """Clients fetch a page from an own nginx: requests a second, and the slowest one in 100.

    `connections` is keep-alive or short: a new connection for each request. `content` is static, a file, or
    proxied: a first nginx asks a second one, over connections that are kept or short as those of the clients.
    Both have a worker for each processor, no access log and a backlog that leaves the limit to the kernel.
    The load is wrk's, or ab's where there is no wrk. Servers and clients share the machine's processors.
    """

    name = "http"

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = check(HttpOptions, options or {}, self.name)

    @property
    def longest_s(self) -> float:
        """Twice as long as it is to take, and half a minute for a machine that is busy."""
        return 2 * self._options.duration_s + 30.0

    def metrics(self, link: Link | None) -> tuple[MetricSpec, ...]:  # noqa: ARG002 - the seam's
        """Returns the requests a second, and the 99th percentile of their latencies."""
        return (
            MetricSpec("requests", "1/s", Direction.MAXIMIZE),
            MetricSpec("p99_latency", "ms", Direction.MINIMIZE),
        )

    def run(self, place: Place, deadline_s: float) -> tuple[Metric, ...]:
        """Starts the servers, fetches for `duration_s` seconds and returns the metrics.

        Raises:
            RunFailed: nginx or a load generator is not installed, a server does not start or dies, or the
                load fails or does not end in time.
            MetricError: a request was answered with an error, or a figure is missing.
        """
        deadline = monotonic() + deadline_s
        options = self._options
        tool, path = generator()
        with self._served(place, deadline) as url:
            load = [path, *(_wrk(options, url) if tool == "wrk" else _ab(options, url))]
            printed = execute(place, place.hosts[0], load, deadline_s=deadline - monotonic()).stdout
        _refuse_errors(tool, printed)
        wanted = [
            Wanted(spec, find)
            for spec, find in zip(self.metrics(place.link), ("requests_per_second", "p99"), strict=True)
        ]
        return read(READERS[tool], printed, wanted)

    @contextmanager
    def _served(self, place: Place, deadline: float) -> Iterator[str]:
        """Starts one nginx or two; gives the address of the page."""
        host = place.hosts[-1]
        options = self._options
        with passing_directory(place, host, f"http-{secrets.token_hex(4)}") as home:
            made = [str(home / _PAGE), str(options.page_bytes)]
            execute(place, host, ["/bin/sh", "-c", _MAKE_PAGE, "sh", *made], deadline_s=60.0)
            kept = options.connections == "keep-alive"
            files = _Nginx(home / "files.conf", place.address(host), kept)
            with files.serving(place, host, f"root {home};", deadline) as port:
                if options.content == "static":
                    yield files.url(port)
                    return
                proxy = _Nginx(home / "proxy.conf", files.address, kept, behind=port)
                passing = 'proxy_pass http://files; proxy_http_version 1.1; proxy_set_header Connection "";'
                closing = "proxy_pass http://files; proxy_buffering on;"
                with proxy.serving(place, host, passing if kept else closing, deadline) as front:
                    yield proxy.url(front)


@dataclass(frozen=True, slots=True)
class _Nginx:
    """One nginx: its configuration file, its address, whether connections are kept, the port behind it."""

    file: Path
    address: str
    kept: bool
    behind: int = 0

    def url(self, port: int) -> str:
        return f"http://{self.address}:{port}/{_PAGE}"

    @contextmanager
    def serving(self, place: Place, host: str, location: str, deadline: float) -> Iterator[int]:
        """Runs it with what it does at the page's location; gives its port."""
        port, nonce = free_port(self.address), secrets.token_hex(16)
        write_file(place, host, self.file, self._configuration(port, nonce, location))
        argv = [need("nginx"), "-e", "stderr", "-p", f"{self.file.parent}/", "-c", str(self.file)]
        with serving(place, host, argv, lambda: self._is_ready(port, nonce), deadline=deadline):
            yield port

    def _is_ready(self, port: int, nonce: str) -> bool:
        """Tells whether this very nginx answers, and gives the page."""
        return _fetch(self.address, port, _WHO) == nonce.encode() and bool(
            _fetch(self.address, port, f"/{_PAGE}")
        )

    def _configuration(self, port: int, nonce: str, location: str) -> str:
        home, name = self.file.parent, self.file.stem
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"  {kind}_temp_path {home}/{name}-{kind};" for kind in kinds)
        kept = "keepalive 256;" if self.kept else ""
        behind = f"upstream files {{ server {self.address}:{self.behind}; {kept} }}" if self.behind else ""
        return f"""daemon off;
pid {home}/{name}.pid;
error_log stderr error;
worker_processes {os.cpu_count() or 1};
worker_rlimit_nofile {min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _FILES)};
events {{ worker_connections 16384; }}
http {{
{temporary}
  access_log off;
  default_type text/html;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout {"75s" if self.kept else "0"};
  {behind}
  server {{
    listen {self.address}:{port} backlog=65535;
    location = {_WHO} {{ return 200 "{nonce}"; }}
    location / {{ {location} }}
  }}
}}
"""


def _fetch(address: str, port: int, path: str) -> bytes:
    """Returns what a server gives at a path; nothing if it does not answer, or with an error."""
    connection = HTTPConnection(address, port, timeout=2.0)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == HTTPStatus.OK else b""
    except (OSError, HTTPException):
        return b""
    finally:
        connection.close()


def generator() -> tuple[str, str]:
    """Returns the program that makes the load, and its path: wrk, or ab where there is no wrk.

    Raises:
        RunFailed: neither is installed.
    """
    try:
        return "wrk", need("wrk")
    except RunFailed as error:
        with suppress(RunFailed):
            return "ab", need("ab")
        raise error from None


def _wrk(options: HttpOptions, url: str) -> list[str]:
    # wrk gives each thread as many connections as the others, and drops the rest
    threads = max(n for n in range(1, (os.cpu_count() or 1) + 1) if options.clients % n == 0)
    short = ["-H", "Connection: close"] if options.connections == "short" else []
    sizes = [f"-t{threads}", f"-c{options.clients}", f"-d{options.duration_s:.0f}s"]
    return [*sizes, "--latency", "--timeout", "10s", *short, url]


def _ab(options: HttpOptions, url: str) -> list[str]:
    kept = ["-k"] if options.connections == "keep-alive" else []
    sizes = [
        f"-c{options.clients}",
        f"-t{options.duration_s:.0f}",
        f"-n{options.duration_s * _AB_REQUESTS_A_SECOND:.0f}",
    ]
    return ["-q", *sizes, *kept, url]


def _refuse_errors(tool: str, printed: str) -> None:
    """Does nothing if every request was answered well: a server that fails is quick.

    Raises:
        MetricError: some were not.
    """
    names = {
        "wrk": ("non_2xx", "connect_errors", "read_errors", "write_errors", "timeout_errors"),
        "ab": ("non_2xx", "failed_requests"),
    }[tool]
    counts = {name: choose(READERS[tool](printed, name), name) for name in names}
    bad = ", ".join(f"{name}: {count:.0f}" for name, count in counts.items() if count)
    if bad:
        msg = f"requests were not answered well ({bad})"
        raise MetricError(msg, tail=printed[-2000:], hint="fewer clients? kernel limits on connections?")
