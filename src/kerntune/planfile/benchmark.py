"""How the number of a benchmark command is found: by the program's own format, or in `name: value` lines.

Never "any number in the output": a metric that the program does not print is a fault.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from kerntune.model.plan import Direction
from kerntune.readers import READERS, known_metric, known_metrics

LINES = "lines"

PROGRAMS = frozenset(("pgbench", "ab", "wrk", "sysbench", "redis-benchmark", "fio"))
"""Programs whose reader is called like them."""

WRAPPERS = frozenset(
    (
        *("sudo", "runuser", "env", "nice", "ionice", "chrt", "taskset", "numactl"),
        *("time", "timeout", "nohup", "stdbuf", "exec"),
    )
)
"""Programs that run the program behind their own words."""

SHELLS = frozenset(("sh", "bash", "dash", "zsh", "su", "runuser"))
"""Programs that run the script behind their option -c."""

ENDS = frozenset((";", "&&", "||", "&", "\n"))
WITH_VALUES = frozenset(("-u", "-g", "-n", "-c", "-p"))
"""Options of wrappers that a value follows (sudo -u postgres, nice -n 10, taskset -c 0)."""

OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    "pgbench": {"transactions_per_second": "tps", "throughput": "tps", "average_latency": "latency_average"},
    "ab": {
        "rps": "requests_per_second",
        "throughput": "requests_per_second",
        "average_latency": "time_per_request",
    },
    "wrk": {
        "rps": "requests_per_second",
        "throughput": "requests_per_second",
        "average_latency": "latency_average",
    },
    "sysbench": {
        "eps": "events_per_second",
        "ops_per_second": "operations_per_second",
        "tps": "transactions_per_second",
        "qps": "queries_per_second",
        "average_latency": "latency_average",
    },
    "redis-benchmark": {
        "rps": "requests_per_second",
        "ops_per_second": "requests_per_second",
        "operations_per_second": "requests_per_second",
        "throughput": "requests_per_second",
        "average_latency": "latency_average",
    },
}
"""What people call a program's metrics, after `plain`: the name its reader has for them."""

_SIDE = re.compile(r"--(?:rw|readwrite)[= ](?:rand)?(read|write)\b")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a metric stands: a reader and its name there; `problem` says that the program has none such."""

    reader: str
    find: str
    direction: Direction | None = None
    problem: str = ""


def place_of(command: str, metric: str) -> Found:
    """Returns where a command's metric is found.

    The command's own program decides: of a pipeline the last one prints. Anything but a program we know, or
    more than one of them, is expected to print `name: value` lines.
    """
    known = [program for program in _printing(command) if program in PROGRAMS and program in READERS]
    if len(set(known)) != 1:
        return Found(LINES, metric)
    reader = known[0]
    find = _named(reader, metric, command)
    if find is None:
        problem = f"{reader} prints no such metric; it prints {', '.join(known_metrics(reader))}"
        return Found(reader, metric, problem=problem)
    format_says = known_metric(reader, find)
    return Found(reader, find, format_says.direction if format_says else None)


def _named(reader: str, metric: str, command: str) -> str | None:
    plain = _plain(metric)
    side = _SIDE.search(command)
    names = [metric, plain, OTHER_NAMES.get(reader, {}).get(plain, "")]
    if reader == "fio" and side is not None:
        names.append(f"{side[1]}.{plain}")
    return next((name for name in names if name and known_metric(reader, name)), None)


def _plain(metric: str) -> str:
    """Returns a metric's name in one spelling: p99 for p99_latency_ms, ops_per_second for ops/sec."""
    plain = re.sub(r"[\s/-]+", "_", metric.strip().lower()).replace("ops_sec", "ops_per_second")
    plain = re.sub(r"per_sec$", "per_second", re.sub(r"_(?:ms|us|s)$", "", plain))
    if percentile := re.fullmatch(r"(?:latency_)?(p\d+)(?:_latency)?", plain):
        return percentile[1]
    if re.fullmatch(r"(?:(?:avg|average|mean)_)?latency(?:_(?:avg|average|mean))?", plain):
        return "average_latency"
    return plain


def _printing(command: str) -> Iterator[str]:
    """Yields the programs of a shell command that print on its standard output: the last of each pipeline."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|\n<>")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quotation mark that is never closed
        return
    part: list[str] = []
    for word in (*words, ";"):
        if word in ENDS:
            yield from _programs(part)
        part = [] if word in ENDS or set(word) == {"|"} else [*part, word]


def _programs(words: Sequence[str]) -> Iterator[str]:
    """Yields the names of the programs that a simple command runs: several where it is a shell's script."""
    rest = _unwrapped(words)
    if not rest:
        return
    name, script = PurePath(rest[0]).name, _script(rest)
    if script is None:
        yield name
    else:
        yield from _printing(script)


def _unwrapped(words: Sequence[str]) -> list[str]:
    """Returns a simple command without the assignments and wrappers in front of its program."""
    rest = list(words)
    behind_wrapper = False
    while rest:
        word = rest[0]
        name = PurePath(word).name
        if behind_wrapper and word.startswith("-"):
            del rest[: 1 + (word in WITH_VALUES)]
        elif re.fullmatch(r"[A-Za-z_]\w*=.*", word, re.DOTALL):
            del rest[0]
        elif behind_wrapper and re.fullmatch(r"(?:0x)?[\d.]+[smh]?(?:[-,]\d+)*", word):
            del rest[0]  # timeout 30, taskset 0x3, numactl -C 0-3
        elif name in WRAPPERS and _script(rest) is None:
            del rest[0]
            behind_wrapper = True
        else:
            return rest
    return []


def _script(words: Sequence[str]) -> str | None:
    """Returns the script that a shell is given: bash -lc '…', su postgres -c '…'; None if it is given none.

    What stands behind `--`, or behind a shell's first word that is no option, is another program's.
    """
    name = PurePath(words[0]).name
    if name not in SHELLS:
        return None
    for word, following in pairwise(words[1:]):
        others = word == "--" or (name == "runuser" and word == "-u")
        if others or (name not in {"su", "runuser"} and not word.startswith("-")):
            return None
        if re.fullmatch(r"-[a-z]*c|--command", word):
            return following
    return None
