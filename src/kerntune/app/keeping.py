"""Keeps results on this machine, shows first what that changes, compares later, takes back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from kerntune import host
from kerntune.app.history import run_of
from kerntune.app.pasting import pasted, present_values
from kerntune.app.settings import Settings
from kerntune.catalog import load
from kerntune.errors import InputError
from kerntune.hand.identity import boot_id
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.keep import (
    Keeper,
    Kept,
    Ledger,
    Occasion,
    Proposal,
    ansible_tasks,
    shell_script,
    sysctl_conf,
    tuned_profile,
)
from kerntune.model.knob import Config
from kerntune.model.verdict import Outcome
from kerntune.report.text import interval

FORMS = ("sysctl", "shell", "tuned", "ansible")
"""Formats a recommended config can be exported in."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a run recommends: its config, and the verdict in words."""

    run_id: str
    config: Config
    verdict: str


def kernel() -> str:
    """Returns the release of the running kernel."""
    return host.facts().kernel


def recommended(here: Settings, name: str) -> Recommendation:
    """Returns what a stored run recommends.

    Raises:
        InputError: there is no such run, or it confirmed nothing.
    """
    run = run_of(here, name)
    result = run.result
    if result is None or result.verdict.outcome is not Outcome.BETTER or not result.minimal_config:
        found = "it has no result" if result is None else f"its verdict is {result.verdict.outcome}"
        msg = f"run {run.run_id} recommends nothing: {found}"
        raise InputError(msg, hint="only what fresh samples confirmed is kept")
    return Recommendation(run.run_id, result.minimal_config, f"better, {interval(result.verdict)}")


def recommended_in(source: TextIO) -> Recommendation:
    """Returns what a result recommends that was printed as JSON: `kerntune show RUN --json`.

    Raises:
        InputError: it is no such result, or it confirmed nothing.
    """
    try:
        data = json.load(source)
        config, verdict, run_id = data["minimal_config"], data["verdict"], data["run_id"]
    except (ValueError, TypeError, KeyError) as error:
        msg = f"this is no result of kerntune: {error}"
        raise InputError(msg, hint="kerntune show RUN --json | sudo kerntune apply -") from error
    if not isinstance(config, dict) or not config or verdict.get("outcome") != Outcome.BETTER:
        msg = f"run {run_id} recommends nothing"
        raise InputError(msg, hint="only what fresh samples confirmed is kept")
    return Recommendation(str(run_id), config, str(verdict["outcome"]))


def keeper(here: Settings) -> Keeper:
    """Returns what keeps results on this machine."""
    return Keeper(Panel(load(), kinds()), here.machine_dir / "kept")


def proposed(here: Settings, found: Recommendation, when: float, *, permanent: bool = True) -> Proposal:
    """Returns what keeping a recommendation would do; changes nothing.

    Raises:
        PlanError: a knob of it cannot be set on this machine.
        StoreError: what is kept already cannot be read.
    """
    facts = host.facts()
    occasion = Occasion(found.run_id, found.verdict, when, facts.kernel, boot_id())
    return keeper(here).propose(occasion, found.config, permanent=permanent)


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """Yields what would change: each knob with its value now, then the files as a diff."""
    kept = proposal.kept
    for name, value in kept.config.items():
        yield f"  {name}: {kept.before.get(name, '?')} → {value}"
    yield from (f"note: {note}" for note in proposal.notes)
    if proposal.diff:
        yield from ("", *proposal.diff.splitlines())


def kept_lines(kept: Kept) -> Iterator[str]:
    """Yields a kept run in words."""
    how = "for good" if kept.permanent else "until a restart"
    run_id = kept.run_id
    yield f"kept {how}: run {run_id} ({kept.occasion.verdict}); kerntune undo {run_id} takes it back"
    for name, value in kept.config.items():
        yield f"  {name}: {kept.before.get(name, '?')} → {value}"


def exported_as(found: Recommendation, form: str) -> Mapping[str, str]:
    """Returns files by name that set a recommendation with other tools.

    Raises:
        InputError: the format is not known.
    """
    catalog = load()
    before = present_values(found.config, catalog)
    title = f"kerntune run {found.run_id}: {found.verdict}"
    match form:
        case "sysctl":
            return {"90-kerntune.conf": sysctl_conf(found.config, before, catalog, title)}
        case "shell":
            return {"kerntune.sh": shell_script(found.config, before, catalog, title)}
        case "tuned":
            files = tuned_profile(found.config, before, catalog, title)
            return {file.path: file.text for file in files}
        case "ansible":
            return {"kerntune.yml": ansible_tasks(found.config, before, catalog, title)}
    msg = f"there is no format {form!r}"
    raise InputError(msg, hint=f"there are: csv, json (samples), {', '.join(FORMS)} (the recommendation)")


def verified(here: Settings) -> list[dict[str, Any]]:
    """Returns how the running kernel and our files compare with what is kept, JSON-ready."""
    return [asdict(difference) for difference in keeper(here).verify()]


def write_files(files: Mapping[str, str], directory: Path) -> Iterator[Path]:
    """Writes files into a directory of the user's, and yields their paths.

    Raises:
        InputError: one cannot be written.
    """
    for name, text in files.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError as error:
            msg = f"cannot write {path}: {error.strerror}"
            raise InputError(msg, hint="name a directory that is yours") from error
        yield path


def paste_lines(found: Recommendation) -> Iterator[str]:
    """Yields a shell's lines that set a recommendation, and, commented out, those that take it back."""
    there, back = pasted(found.config, {}, load())
    yield f"# kerntune run {found.run_id}: {found.verdict}; as root, until a restart"
    yield from there
    yield "# to take it back:"
    yield from (f"# {line}" for line in back)


def kept_id(ledger: Ledger, name: str) -> str:
    """Returns the id of the kept run with this name, or the only one that begins or ends so."""
    ids = [run.run_id for run in ledger.runs]
    fitting = [run_id for run_id in ids if run_id.startswith(name) or run_id.endswith(name)]
    return fitting[0] if name not in ids and len(fitting) == 1 else name


def difference_lines(difference: Mapping[str, Any]) -> Iterator[str]:
    """Yields how one knob or file compares with what is kept."""
    detail = f" ({difference['detail']})" if difference["detail"] else ""
    values = ""
    if difference["kept"] is not None and difference["state"] != "same":
        values = f": kept {difference['kept']}, now {difference['present']}"
    yield f"{difference['state']:<10} {difference['subject']}{values}{detail}"
