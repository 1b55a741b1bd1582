"""The catalogue against a real kernel, in a network namespace of its own that nobody else sees."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kerntune.catalog import Catalog, load
from kerntune.catalog.mark import at_device
from kerntune.model.knob import Choice, Knob, Range, Rollback, Scope

pytestmark = pytest.mark.root

PROBE = Path(__file__).with_name("namespace_probe.py")
OFFERS = "net.ipv4.tcp_allowed_congestion_control"


@dataclass(frozen=True, slots=True)
class Answer:
    """The kernel on one file: its text, the error of reading it or writing it back, and more writes."""

    read: str | None
    error: str | None
    writes: list[tuple[str | None, str]]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def files(catalog: Catalog) -> dict[str, tuple[Knob, ...]]:
    """Returns the members of every file that a network namespace has, those of devices for the loopback."""
    everything = [
        knob
        for knob in (*catalog.knobs.values(), *catalog.references.values())
        if knob.path.startswith("/proc/sys/net/") and knob.scope is not Scope.GLOBAL
    ]
    here = [at_device(knob, "lo") if knob.scope is Scope.DEVICE else knob for knob in everything]
    return {knob.path: catalog.siblings(knob) for knob in here}


def ask(request: Mapping[str, list[str]]) -> dict[str, Answer]:
    """Returns the kernel's answer for each path, or skips where no namespace can be made."""
    done = subprocess.run(
        [sys.executable, str(PROBE)],
        input=json.dumps(list(request.items())),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = json.loads(done.stdout)
    if isinstance(answers, str):
        pytest.skip(f"no user and network namespace on this machine: {answers}")
    return {
        path: Answer(answer["read"], answer["error"], [(error, text) for error, text in answer["writes"]])
        for path, answer in zip(request, answers, strict=True)
    }


def trials(members: tuple[Knob, ...], offered: list[str]) -> list[str]:
    """Returns the texts of a file at the ends of its members' domains, and each value of a choice."""
    domain = members[0].domain
    if isinstance(domain, Choice):
        words = members[0].choices_from
        return [str(value) for value in domain.values if not words or value in offered]
    ranges = [knob.domain for knob in members if isinstance(knob.domain, Range)]
    specials = [str(value) for value in domain.special]
    return [" ".join(str(one.low) for one in ranges), " ".join(str(one.high) for one in ranges), *specials]


def test_every_file_here_reads_as_its_type_and_takes_its_own_value_back(catalog: Catalog) -> None:
    """Each present value parses and can be written back; absent files have a known need, and are listed."""
    answers = ask({path: [] for path in files(catalog)})
    absent = []
    for path, members in files(catalog).items():
        answer = answers[path]
        if answer.read is None:
            absent.append(f"{members[0].file}: {answer.error}, needs {members[0].needs or members[0].since}")
            continue
        words = answer.read.split()
        domain = members[0].domain
        if members[0].members:
            assert len(words) == len(members), f"{path} reads {answer.read!r}"
        if isinstance(domain, Range) or (domain.values and isinstance(domain.values[0], int)):
            assert [int(word) for word in words], f"{path} reads {answer.read!r}"
        else:
            assert words, f"{path} is empty"
        if not members[0].read_only:
            assert answer.error is None, f"{path} refuses its own value {answer.read!r}: {answer.error}"

    print(f"{len(answers) - len(absent)} of {len(answers)} files are here; absent: {absent or 'none'}")  # noqa: T201
    assert len(absent) < len(answers) / 2


def test_the_kernel_takes_the_ends_of_every_domain(catalog: Catalog) -> None:
    """No search range is wider than what this kernel accepts; exact knobs read back as written."""
    tunable = {path: members for path, members in files(catalog).items() if not members[0].read_only}
    offers = catalog.references[OFFERS].path
    offered = (ask({offers: []})[offers].read or "").split()
    texts = {path: trials(members, offered) for path, members in tunable.items()}

    wrong = []
    for path, answer in ask(texts).items():
        exact = tunable[path][0].rollback is Rollback.EXACT
        for text, (error, back) in zip(texts[path], answer.writes, strict=False):
            if error or (exact and back.split() != text.split()):
                wrong.append(f"{path}: {text} -> {error or back}")

    assert wrong == []


def test_a_congestion_control_that_is_there_but_not_allowed_is_refused(catalog: Catalog) -> None:
    """Why two lists bound the choice: a namespace other than the first takes only what the first allows."""
    control = catalog.knobs["net.ipv4.tcp_congestion_control"]
    lists = [catalog.references[name].path for name in control.choices_from]
    answers = ask({path: [] for path in lists})
    available, allowed = (set((answers[path].read or "").split()) for path in lists)
    outcome = ask({control.path: sorted(available)})[control.path]

    refused = {word for word, (error, _) in zip(sorted(available), outcome.writes, strict=True) if error}
    assert refused == available - allowed
