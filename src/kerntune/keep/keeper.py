"""Keeps results on a machine and takes them back: the ledger first, then the kernel, then the files."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kerntune.errors import InputError, KerntuneError, TargetError
from kerntune.hand.change import Change
from kerntune.hand.panel import Panel
from kerntune.hand.protocol import Outcome
from kerntune.keep import files, kernel, shelf, values
from kerntune.keep.record import File, Kept, Ledger, Occasion, Written
from kerntune.keep.render import render
from kerntune.keep.verify import Difference, verify
from kerntune.model.knob import Config

STATE_DIR = Path("/var/lib/kerntune/kept")
ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What keeping a run would do: its record, the files as they would be, their diff, what to know first."""

    kept: Kept
    files: tuple[File, ...]
    diff: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What undoing a run would do: the kernel's files that would go back, the diff of ours, what to know."""

    kept: Kept
    changes: tuple[Change, ...]
    diff: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of each knob of a run that was undone, and our files that somebody else had changed."""

    outcomes: tuple[Outcome, ...]
    left_files: tuple[str, ...] = ()


class Keeper:
    """Keeps results in a state directory and in configuration files below a root.

    `panel` reads and writes the running kernel. Proposals change nothing; they are for showing first.
    """

    def __init__(self, panel: Panel, directory: Path = STATE_DIR, root: Path = ROOT) -> None:
        self._panel = panel
        self._catalog = panel.catalog
        self._directory = directory
        self._root = root

    @property
    def ledger(self) -> Ledger:
        """Returns what is kept now.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        return shelf.read(self._directory)

    def propose(self, occasion: Occasion, config: Config, *, permanent: bool = True) -> Proposal:
        """Returns what keeping a config would do; not `permanent`, it is left until a restart or `undo`.

        Raises:
            PlanError: a knob of it cannot be set on this machine.
        """
        return self._proposal(self.ledger, Kept(occasion, config, {}, permanent=permanent))

    def apply(self, proposal: Proposal, *, overwrite: bool = False) -> Kept:
        """Keeps a run: its record, the running kernel, the files; on any failure all of it goes back.

        Raises:
            InputError: the machine is not as it was when this was proposed, or somebody else changed one of
                our files (`overwrite` replaces it).
            HandError: the kernel refused a value.
            TargetError, StoreError: something cannot be written.
        """
        with shelf.opened(self._directory) as opened:
            before = opened.ledger
            fresh = self._proposal(before, proposal.kept)
            self._check(proposal, fresh, before, overwrite=overwrite)
            opened.save(before.with_run(fresh.kept).with_files(fresh.files))
            changes: tuple[Change, ...] = ()
            try:
                changes = kernel.commit(fresh.kept.config, self._panel)
                kept = kernel.effects(fresh.kept, self._panel)
                opened.save(opened.ledger.with_run(kept))
                files.carry_out(fresh.files, before, self._root)
            except KerntuneError:
                self._retreat(opened, before, changes)
                raise
            return kept

    def withdraw(self, run_id: str, kernel_now: str = "") -> Withdrawal:
        """Returns what undoing a run would do.

        Raises:
            InputError: it is not kept; those that are, are named.
        """
        ledger = self.ledger
        kept = _of(ledger, run_id)
        left = files.changed(ledger, self._root)
        notes = [f"{path} was changed by somebody else and stays as it is" for path in left]
        if kernel_now not in ("", kept.occasion.kernel):
            notes.append(
                f"the values before are those of Linux {kept.occasion.kernel}; "
                "a restart without the files gives this kernel's own"
            )
        wanted = render(ledger.without_run(kept).runs, self._catalog)
        shown = files.diff(_but(wanted, left), _owned(ledger, left), self._root)
        return Withdrawal(kept, kernel.way_back(kept, ledger, self._catalog), shown, tuple(notes))

    def undo(self, run_id: str) -> Undone:
        """Takes a run back, months later, too: the running kernel, then the files, then its record.

        A knob or file that somebody else changed meanwhile is left alone, and told. Interrupted and done
        again it comes to the same end.

        Raises:
            InputError: it is not kept.
            TargetError, StoreError: something cannot be written; it is still kept then.
        """
        with shelf.opened(self._directory) as opened:
            ledger = opened.ledger
            kept = _of(ledger, run_id)
            left = files.changed(ledger, self._root)
            outcomes = kernel.take_back(kernel.way_back(kept, ledger, self._catalog), self._panel)
            rest = ledger.without_run(kept)
            wanted = render(rest.runs, self._catalog)
            after = replace(rest, files=ledger.with_files(wanted).files)
            opened.save(replace(ledger, files=_either(after, ledger)))
            files.carry_out(_but(wanted, left), _owned(ledger, left), self._root)
            opened.save(after)
            return Undone(outcomes, left)

    def verify(self) -> tuple[Difference, ...]:
        """Returns how the running kernel and the files compare with what is kept."""
        ledger = self.ledger
        names = [name for run in ledger.runs for name in run.config]
        return verify(ledger, kernel.look(names, self._panel), self._catalog, self._root)

    def _proposal(self, ledger: Ledger, wish: Kept) -> Proposal:
        occasion = wish.occasion
        readings = kernel.look(values.names(wish.config, self._catalog), self._panel)
        kept = values.make(wish, readings, self._catalog)
        kept = values.again(kept, ledger.run(occasion.run_id))
        runs = ledger.with_run(kept).runs
        wanted = render(runs, self._catalog)
        lost = (lost for lost in values.settle(runs, self._catalog).overruled if lost.by == occasion.run_id)
        notes = [f"{one.knob} = {one.value} of run {one.run_id} gives way" for one in lost]
        notes += [f"{path} is not as we left it" for path in self._foreign(wanted, ledger)]
        return Proposal(kept, wanted, files.diff(wanted, ledger, self._root), tuple(notes))

    def _foreign(self, wanted: Iterable[File], ledger: Ledger) -> tuple[str, ...]:
        """Returns the files that somebody else wrote or changed where ours would be."""
        strange = dict.fromkeys(files.changed(ledger, self._root))
        for file in wanted:
            if ledger.file(file.path) is None and files.found(self._root, file.path) not in (None, file.text):
                strange[file.path] = None
        return tuple(strange)

    def _check(self, proposal: Proposal, fresh: Proposal, ledger: Ledger, *, overwrite: bool) -> None:
        if (fresh.kept, fresh.files) != (proposal.kept, proposal.files):
            msg = "this machine is not as it was when the change was shown"
            raise InputError(msg, hint="look at it again")
        foreign = self._foreign(fresh.files, ledger)
        if foreign and not overwrite:
            msg = f"somebody else wrote to {', '.join(foreign)}"
            raise InputError(msg, hint="move those lines to a file of their own, or overwrite it")

    def _retreat(self, opened: shelf.Shelf, before: Ledger, changes: Sequence[Change]) -> None:
        kernel.take_back(changes, self._panel)
        with suppress(TargetError):
            known = [File(file.path, file.text) for file in before.files]
            files.carry_out(known, opened.ledger, self._root)
        opened.save(before)


def _of(ledger: Ledger, run_id: str) -> Kept:
    kept = ledger.run(run_id)
    if kept is None:
        msg = f"run {run_id} is not kept on this machine"
        known = ", ".join(run.run_id for run in ledger.runs)
        raise InputError(msg, hint=f"kept are: {known}" if known else "nothing is kept")
    return kept


def _but(wanted: Iterable[File], left: Sequence[str]) -> list[File]:
    return [file for file in wanted if file.path not in left]


def _owned(ledger: Ledger, left: Sequence[str]) -> Ledger:
    return replace(ledger, files=tuple(file for file in ledger.files if file.path not in left))


def _either(after: Ledger, before: Ledger) -> tuple[Written, ...]:
    """Returns the files of both ledgers: whichever of the two texts is on disk, it is ours."""
    return (*after.files, *(file for file in before.files if after.file(file.path) is None))
