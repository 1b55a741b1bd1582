"""Keeps results on this machine, shows first what that changes, compares later, takes back."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from kerntune import host
from kerntune.app.history import run_of
from kerntune.app.pasting import pasted
from kerntune.app.settings import Settings, settings
from kerntune.catalog import config_faults, load
from kerntune.errors import InputError, PlanError
from kerntune.hand import sole
from kerntune.hand.change import Change
from kerntune.hand.identity import boot_id
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.keep import (
    Difference,
    Home,
    Keeper,
    Kept,
    Ledger,
    Occasion,
    Proposal,
    Undone,
    Withdrawal,
    ansible_tasks,
    one_line,
    shell_script,
    sysctl_conf,
    tuned_profile,
)
from kerntune.model.knob import Config
from kerntune.model.verdict import Outcome
from kerntune.report.applied import outcome_lines
from kerntune.report.text import interval
from kerntune.store import Run, RunState

FORMS = ("sysctl", "shell", "tuned", "ansible")
"""Formats a recommended config can be exported in."""

PROFILE = "tuned.conf"
"""The file of a tuned profile, which is a directory."""

RUN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
PIPED = "kerntune show RUN --json | sudo kerntune apply -"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a run recommends: its config, the verdict in words, and the kernel that it was found under."""

    run_id: str
    config: Config
    verdict: str
    kernel: str = ""


def kernel() -> str:
    """Returns the release of the running kernel."""
    return host.facts().kernel


def machine() -> Settings:
    """Returns the settings as far as they are the machine's; no user's directory is looked into."""
    return settings({**os.environ, "XDG_STATE_HOME": "/"})


def recommended(here: Settings, name: str) -> Recommendation:
    """Returns what a stored run recommends.

    Raises:
        InputError: there is no such run, or it confirmed nothing.
        PlanError: a value of it is none for its knob.
    """
    if not here.store_path.exists():
        msg = f"no study has been stored in {here.store_path}"
        raise InputError(msg, hint=f"as the user who tuned: {PIPED.replace('RUN', name)}")
    run = run_of(here, name)
    result = run.result
    if result is None or result.verdict.outcome is not Outcome.BETTER or not result.minimal_config:
        found = "it has no result" if result is None else f"its verdict is {result.verdict.outcome}"
        msg = f"run {run.run_id} recommends nothing: {found}"
        raise InputError(msg, hint="only what fresh samples confirmed is kept")
    verdict = f"better, {interval(result.verdict)}"
    return _checked(Recommendation(run.run_id, result.minimal_config, verdict, run.setup.facts.kernel))


def recommended_in(source: TextIO) -> Recommendation:
    """Returns what a result recommends that was printed as JSON: `kerntune show RUN --json`.

    Raises:
        InputError: it is no such result, or it confirmed nothing.
        PlanError: a value of it is none for its knob.
    """
    try:
        data = json.load(source)
        config, run_id, outcome = data["minimal_config"], data["run_id"], data["verdict"]["outcome"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        msg = f"this is no result of kerntune: {one_line(str(error))}"
        raise InputError(msg, hint=PIPED) from error
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        msg = f"this is no result of kerntune: {ascii(run_id)[:80]} is no name of a run"
        raise InputError(msg, hint=PIPED)
    if not isinstance(config, dict) or not config or outcome != Outcome.BETTER:
        msg = f"run {run_id} recommends nothing"
        raise InputError(msg, hint="only what fresh samples confirmed is kept")
    return _checked(Recommendation(run_id, config, str(outcome), one_line(str(data.get("kernel", "")))))


def keeper(here: Settings) -> Keeper:
    """Returns what keeps results on this machine."""
    home = Home(here.machine_dir / "kept", here.machine_journal_dir, boot_id())
    return Keeper(Panel(load(), kinds()), home)


def proposed(here: Settings, found: Recommendation, when: float, *, permanent: bool = True) -> Proposal:
    """Returns what keeping a recommendation would do; changes nothing.

    Raises:
        PlanError: a knob of it cannot be set on this machine.
        StoreError: what is kept already cannot be read.
    """
    now, notes = kernel(), []
    occasion = Occasion(found.run_id, found.verdict, when, now, boot_id())
    proposal = keeper(here).propose(occasion, found.config, permanent=permanent)
    if found.kernel not in ("", now):
        notes.append(f"it was found under Linux {found.kernel}; this is Linux {now}")
    study = sole.described(here.machine_journal_dir)
    if study:
        notes.append(f"study {study['label']} is trying values on this machine now; those are shown, too")
    return replace(proposal, notes=(*notes, *proposal.notes))


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """Yields what would change: each knob with its value now, then the files as a diff."""
    kept = proposal.kept
    yield from _value_lines(kept)
    yield from (f"{line} (not part of this run any more)" for line in _back_lines(proposal.dropped))
    yield from (f"note: {note}" for note in proposal.notes)
    if proposal.diff:
        yield from ("", *proposal.diff.splitlines())


def kept_lines(kept: Kept) -> Iterator[str]:
    """Yields a kept run in words."""
    how = "for good" if kept.permanent else "until a restart"
    run_id = kept.run_id
    yield f"kept {how}: run {run_id} ({kept.occasion.verdict}); kerntune undo {run_id} takes it back"
    yield from _value_lines(kept)


def withdrawal_lines(withdrawal: Withdrawal) -> Iterator[str]:
    """Yields what undoing a run would change: the kernel's values, then the files as a diff."""
    yield from _back_lines(withdrawal.changes)
    yield from (f"note: {note}" for note in withdrawal.notes)
    if withdrawal.diff:
        yield from ("", *withdrawal.diff.splitlines())


def undone_lines(undone: Undone, run_id: str) -> Iterator[str]:
    """Yields what became of a run that was undone, what is left of it, and what to do about that."""
    yield from outcome_lines(undone.outcomes)
    yield from (f"left as it is: {path}" for path in undone.left_files)
    yield from (f"the next boot sets it again: {line}; take that line out" for line in undone.lines)
    if undone.stuck:
        yield f"run {run_id} stays on record until a restart, it did not go back: {', '.join(undone.stuck)}"
        yield f"`kerntune undo {run_id}` tries that again"
    else:
        yield f"run {run_id} is not kept any more"


def exported_as(here: Settings, found: Recommendation, form: str) -> Mapping[str, str]:
    """Returns files by name that set a recommendation with other tools; `form` is one of FORMS."""
    catalog = load()
    before = keeper(here).before(found.run_id, found.config)
    title = f"kerntune run {found.run_id}: {found.verdict}"
    name, text = {
        "sysctl": ("90-kerntune.conf", sysctl_conf),
        "shell": ("kerntune.sh", shell_script),
        "tuned": (PROFILE, tuned_profile),
        "ansible": ("kerntune.yml", ansible_tasks),
    }[form]
    return {name: text(found.config, before, catalog, title)}


def verified() -> tuple[Difference, ...]:
    """Returns how the running kernel and our files compare with what is kept."""
    return keeper(machine()).verify()


def write_files(files: Mapping[str, str], output: Path) -> Iterator[Path]:
    """Writes files of the user's and yields their paths: one under the name given, or into a directory.

    A tuned profile is a directory, and is made. What a shell can run is made executable.

    Raises:
        InputError: one cannot be written.
    """
    is_folder = output.is_dir() or (PROFILE in files and output.name != PROFILE) or len(files) > 1
    for name, text in files.items():
        path = output / name if is_folder else output
        try:
            if is_folder:
                output.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if text.startswith("#!"):
                path.chmod(path.stat().st_mode | 0o111)
        except OSError as error:
            msg = f"cannot write {path}: {error.strerror}"
            raise InputError(msg, hint="name a file in a directory that exists and is yours") from error
        yield path


def paste_lines(here: Settings, found: Recommendation) -> Iterator[str]:
    """Yields a shell's lines that set a recommendation, and, commented out, those that take it back."""
    before = keeper(here).before(found.run_id, found.config)
    there, back = pasted(found.config, before, load())
    yield f"# {one_line(f'kerntune run {found.run_id}: {found.verdict}; as root, until a restart')}"
    yield from there
    yield "# to take it back:"
    yield from (f"# {line}" for line in back)


def closing_lines(here: Settings, run: Run) -> Iterator[str]:
    """Yields what to do next with a stored run: how to apply its result, and where everything lies."""
    config = run.result.minimal_config if run.result is not None else {}
    if config:
        there, back = pasted(config, keeper(here).before(run.run_id, config), load())
        yield ""
        yield "Everything is as it was before. To have it now, as root (until a restart):"
        yield from (f"  {line}" for line in there)
        yield "and back:"
        yield from (f"  {line}" for line in back)
        yield f"To keep it, also after a restart: {keeping_command(run.run_id)}"
    yield ""
    if run.state in {RunState.INTERRUPTED, RunState.DIED}:
        yield f"Go on with it: kerntune resume {run.run_id}"
    yield f"All samples are stored: kerntune show {run.run_id}"


def keeping_command(run_id: str) -> str:
    """Returns the command by which this user keeps a run: only root may, and the store is the user's."""
    return f"kerntune apply {run_id}" if os.geteuid() == 0 else PIPED.replace("RUN", run_id)


def kept_id(ledger: Ledger, name: str) -> str:
    """Returns the id of the kept run with this name, or the only one that begins or ends so.

    Raises:
        InputError: several do.
    """
    ids = [run.run_id for run in ledger.runs]
    fitting = [run_id for run_id in ids if run_id.startswith(name) or run_id.endswith(name)]
    if name in ids or not fitting:
        return name
    if len(fitting) > 1:
        msg = f"{name!r} fits several kept runs: {', '.join(fitting)}"
        raise InputError(msg, hint="give more of its name")
    return fitting[0]


def difference_lines(difference: Difference) -> Iterator[str]:
    """Yields how one knob or file compares with what is kept."""
    detail = f" ({difference.detail})" if difference.detail else ""
    values = ""
    if difference.kept is not None and difference.state != "same":
        when = "at the next boot" if difference.state == "overridden" else "now"
        present = "" if difference.present is None else f", {when} {difference.present}"
        values = f": kept {difference.kept}{present}"
    yield f"{difference.state:<10} {difference.subject}{values}{detail}"


def _checked(found: Recommendation) -> Recommendation:
    faults = config_faults(load(), found.config, "minimal_config")
    if faults:
        hint = "`kerntune knobs show NAME` says what a knob takes"
        source = f"run {found.run_id} cannot be kept"
        raise PlanError(source, faults, hint=hint)
    return found


def _value_lines(kept: Kept) -> Iterator[str]:
    for name, value in kept.config.items():
        yield f"  {name}: {kept.before.get(name, '?')} → {value}"


def _back_lines(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        yield f"  {change.file}: {' '.join(change.ours)} → {' '.join(change.old)}"
