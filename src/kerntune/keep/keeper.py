"""Keeps results on a machine and takes them back: the ledger first, then the kernel, then the files."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kerntune.errors import InputError, KerntuneError, StoreError, TargetError
from kerntune.hand.change import Change, Restored
from kerntune.hand.journal import sole_lock
from kerntune.hand.panel import Panel
from kerntune.hand.protocol import Outcome
from kerntune.hand.recovery import LEFT, Recovered, replay
from kerntune.keep import files, kernel, originals, shelf, values
from kerntune.keep.record import File, Kept, Ledger, Occasion, Written
from kerntune.keep.render import render
from kerntune.keep.verify import Difference, verify
from kerntune.model.knob import Config

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Home:
    """Where results are kept: the record's directory, that of the hands' journals, the boot, and the root."""

    kept: Path
    journals: Path
    boot: str
    root: Path = ROOT


@dataclass(frozen=True, slots=True)
class Proposal:
    """What keeping a run would do: its record, the files as they would be, their diff, what to know first.

    `dropped` are changes of the same run, kept before, that go back; `foreign` are files in the place of ours
    that somebody else wrote.
    """

    kept: Kept
    files: tuple[File, ...]
    diff: str
    notes: tuple[str, ...] = ()
    dropped: tuple[Change, ...] = ()
    foreign: tuple[str, ...] = ()

    def check(self, *, overwrite: bool) -> None:
        """Refuses to replace what somebody else wrote.

        Raises:
            InputError: a file is foreign, and not to be overwritten.
        """
        if self.foreign and not overwrite:
            msg = f"somebody else wrote to {', '.join(self.foreign)}"
            hint = "move those lines to a file of their own, or say --overwrite: a copy is kept"
            raise InputError(msg, hint=hint)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What undoing a run would do: the kernel's files that would go back, the diff of ours, what to know."""

    kept: Kept
    changes: tuple[Change, ...]
    diff: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of each knob of a run that was undone, and our files that somebody else had changed.

    `stuck` are knobs that did not go back: they stay in the record until a restart. `lines` are ours that
    still stand in those files: the next boot sets them.
    """

    outcomes: tuple[Outcome, ...]
    left_files: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


class Keeper:
    """Keeps results in a state directory and in configuration files below a root.

    `panel` reads and writes the running kernel. Proposals change nothing; they are for showing first.
    """

    def __init__(self, panel: Panel, home: Home) -> None:
        self._panel = panel
        self._catalog = panel.catalog
        self._home = home

    @property
    def ledger(self) -> Ledger:
        """Returns what is kept now.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        return shelf.read(self._home.kept).in_boot(self._home.boot)

    def recover(self, label: str) -> tuple[Recovered, ...]:
        """Puts back what a crash left applied, so that it is not taken for what was there before.

        Raises:
            HandError: a study turns this machine's knobs now; it is named (kind "busy").
            StoreError: we may not keep anything here.
        """
        with shelf.opened(self._home.kept), self._alone(label) as recovered:
            return recovered

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
                our files (`overwrite` replaces it, and keeps a copy).
            HandError: the kernel refused a value, or a study turns this machine's knobs.
            TargetError, StoreError: something cannot be written, or what a crash left cannot be put back.
        """
        with self._opened(f"(kerntune apply {proposal.kept.run_id})") as (opened, recovered):
            _check_recovered(recovered)
            before = opened.ledger
            fresh = self._proposal(before, proposal.kept)
            if (fresh.kept, fresh.files) != (proposal.kept, proposal.files):
                msg = "this machine is not as it was when the change was shown"
                raise InputError(msg, hint="look at it again")
            fresh.check(overwrite=overwrite)
            done: list[Change] = []
            try:
                opened.save(before.with_run(_joined(fresh, before)).with_files(fresh.files))
                self._turn(fresh, before, done)
                kept = kernel.effects(fresh.kept, self._panel)
                opened.save(opened.ledger.with_run(kept))
                originals.forget(
                    (file for file in fresh.files if before.file(file.path) is None), self._home.kept
                )
                originals.put_aside(fresh.foreign, before, self._home.root, self._home.kept)
                back = self._given_back(fresh.files, before)
                files.carry_out([*fresh.files, *back], before, self._home.root)
            except KerntuneError as error:
                self._retreat(opened, before, fresh, done, error)
                raise
            originals.forget(back, self._home.kept)
            return kept

    def withdraw(self, run_id: str, kernel_now: str = "") -> Withdrawal:
        """Returns what undoing a run would do.

        Raises:
            InputError: it is not kept; those that are, are named.
        """
        ledger = self.ledger
        kept = _of(ledger, run_id)
        left = files.changed(ledger, self._home.root)
        notes = [f"{path} was changed by somebody else and stays as it is" for path in left]
        if kernel_now not in ("", kept.occasion.kernel):
            notes.append(
                f"the values before are those of Linux {kept.occasion.kernel}; "
                "a restart without the files gives this kernel's own"
            )
        ours = render(ledger.without_run(kept).runs, self._catalog)
        wanted = [*ours, *self._given_back(ours, ledger)]
        shown = files.diff(_but(wanted, left), _owned(ledger, left), self._home.root)
        changes = kernel.way_back(kept, ledger, self._catalog)
        return Withdrawal(kept, tuple(one for one in changes if one.old != one.ours), shown, tuple(notes))

    def undo(self, run_id: str) -> Undone:
        """Takes a run back, months later, too: the running kernel, then the files, then its record.

        A knob or file that somebody else changed meanwhile is left alone, and told. What the kernel does not
        take back stays in the record. Interrupted and done again it comes to the same end.

        Raises:
            InputError: it is not kept.
            HandError: a study turns this machine's knobs.
            TargetError, StoreError: something cannot be written; it is still kept then.
        """
        with self._opened(f"(kerntune undo {run_id})") as (opened, _):
            ledger = opened.ledger
            kept = _of(ledger, run_id)
            left, root = files.changed(ledger, self._home.root), self._home.root
            ours = render(ledger.without_run(kept).runs, self._catalog)
            back = _but(self._given_back(ours, ledger), left)
            after = ledger.with_files(ours).files
            opened.save(replace(ledger, files=_either(after, ledger)))
            restored = kernel.take_back(kernel.way_back(kept, ledger, self._catalog), self._panel)
            stuck = kernel.values_of(restored.stuck, self._catalog)
            lines = files.lines_left(ledger, ours, root)
            files.carry_out([*_but(ours, left), *back], _owned(ledger, left), root)
            opened.save(replace(ledger.with_rest(kept, stuck, self._home.boot), files=after))
            originals.forget(back, self._home.kept)
            return Undone(_named(restored, kept), left, tuple(stuck), lines)

    def verify(self) -> tuple[Difference, ...]:
        """Returns how the running kernel and the files compare with what is kept."""
        ledger = self.ledger
        names = [name for run in ledger.runs for name in run.config]
        return verify(ledger, kernel.look(names, self._panel), self._catalog, self._home.root)

    def before(self, run_id: str, config: Config) -> Config:
        """Returns the values to which a config's knobs would go back, and those that hang together with them.

        They are the present ones, but for what keeping this very run has made of them.
        """
        found = kernel.present(values.names(config, self._catalog), self._panel)
        here = Kept(Occasion(run_id, "", 0.0, "", self._home.boot), config, found)
        return values.again(here, self.ledger.run(run_id)).before

    @contextmanager
    def _opened(self, label: str) -> Iterator[tuple[shelf.Shelf, tuple[Recovered, ...]]]:
        with shelf.opened(self._home.kept) as opened, self._alone(label) as recovered:
            opened.ledger = opened.ledger.in_boot(self._home.boot)
            yield opened, recovered

    @contextmanager
    def _alone(self, label: str) -> Iterator[tuple[Recovered, ...]]:
        """Keeps studies away from this machine's knobs; what a crash left of one has gone back."""
        lock = sole_lock(self._home.journals, label)
        try:
            yield replay(self._home.journals, self._panel)
        finally:
            lock.release()

    def _proposal(self, ledger: Ledger, wish: Kept) -> Proposal:
        occasion = wish.occasion
        readings = kernel.look(values.names(wish.config, self._catalog), self._panel)
        kept = values.make(wish, readings, self._catalog)
        kept = values.again(kept, ledger.run(occasion.run_id))
        runs = ledger.with_run(kept).runs
        ours, settled = render(runs, self._catalog), values.settle(runs, self._catalog)
        lost = (lost for lost in settled.overruled if lost.by == occasion.run_id)
        notes = [f"{one.knob} = {one.value} of run {one.run_id} gives way" for one in lost]
        again = kernel.resettled(kept, ledger, readings, self._catalog)
        notes += [
            f"{name} = {again[name]} of run {settled.run[name]} is written again after it" for name in again
        ]
        unknown = (name for name in settled.config if self._catalog.find(name) is None)
        notes += [f"{name} of run {settled.run[name]} is not in the catalogue any more" for name in unknown]
        foreign = self._foreign(ours, ledger)
        notes += [f"{path} is not as we left it" for path in foreign]
        shown = files.diff([*ours, *self._given_back(ours, ledger)], ledger, self._home.root)
        dropped = kernel.dropped(kept, ledger, self._catalog)
        return Proposal(kept, ours, shown, tuple(notes), dropped, foreign)

    def _given_back(self, ours: Iterable[File], ledger: Ledger) -> tuple[File, ...]:
        """Returns the files that come back where those of a ledger are not wanted any more."""
        return originals.given_back(ours, ledger, self._home.kept)

    def _foreign(self, wanted: Iterable[File], ledger: Ledger) -> tuple[str, ...]:
        """Returns the files that somebody else wrote or changed where ours would be."""
        root = self._home.root
        strange = dict.fromkeys(files.changed(ledger, root))
        for file in wanted:
            if ledger.file(file.path) is None and files.found(root, file.path) not in (None, file.text):
                strange[file.path] = None
        return tuple(strange)

    def _turn(self, fresh: Proposal, before: Ledger, done: list[Change]) -> None:
        """Turns the kernel: what the run held before and does not any more, then its config.

        Raises:
            HandError, TargetError: the kernel refused a value; what is in `done` must be taken back.
        """
        now = kernel.look(fresh.kept.before, self._panel)
        again = kernel.resettled(fresh.kept, before, now, self._catalog)
        done += kernel.inverted(fresh.dropped)
        stuck = kernel.take_back(fresh.dropped, self._panel).stuck
        if stuck:
            msg = f"the kernel does not take back {', '.join(change.knob for change in stuck)}"
            raise TargetError(msg, hint=f"kerntune undo {fresh.kept.run_id}")
        floors = before.origins(fresh.kept)
        kernel.commit({**again, **fresh.kept.config}, floors, self._panel, done)

    def _retreat(
        self,
        opened: shelf.Shelf,
        before: Ledger,
        fresh: Proposal,
        done: Sequence[Change],
        error: KerntuneError,
    ) -> None:
        """Takes back what was done; the record's old name comes back, which needs no space on the disk."""
        stuck = kernel.values_of(kernel.take_back(done, self._panel).stuck, self._catalog)
        known = [File(file.path, file.text) for file in before.files]
        theirs, back = self._given_back(known, opened.ledger), self._given_back(fresh.files, before)
        with suppress(TargetError):
            files.put_back([*fresh.files, *back], [*known, *theirs], self._home.root)
            originals.forget(theirs, self._home.kept)
        if not stuck:
            opened.revert()
            return
        error.args = (f"{error}; and the kernel does not take back {', '.join(stuck)}",)
        error.hint = f"kerntune undo {fresh.kept.run_id} tries that again"
        with suppress(StoreError):  # else the record names too much, which is a way back, too
            opened.save(before.with_stuck(fresh.kept, stuck, self._home.boot))


def _check_recovered(recovered: Iterable[Recovered]) -> None:
    stuck = [f"{one.journal}: {one.note}" for one in recovered if one.state in LEFT]
    if stuck:
        msg = f"values that were being tried may still be applied: {'; '.join(stuck)}"
        raise TargetError(msg, hint="`kerntune status` lists them; they are not what was there before")


def _joined(fresh: Proposal, before: Ledger) -> Kept:
    """Returns a run as it is on record while it is being kept: with what it held before."""
    earlier = before.run(fresh.kept.run_id)
    if earlier is None:
        return fresh.kept
    config = {**earlier.config, **fresh.kept.config}
    return replace(fresh.kept, config=config, before={**earlier.before, **fresh.kept.before})


def _named(restored: Restored, kept: Kept) -> tuple[Outcome, ...]:
    """Returns what became of each knob; with its file where the hand could not tell."""
    unknown = {change.knob for change in restored.stuck}
    return tuple(
        replace(one, detail=f"{one.detail}; its file is {kept.paths[one.knob]}")
        if one.knob in unknown and one.knob in kept.paths
        else one
        for one in restored.outcomes
    )


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


def _either(after: tuple[Written, ...], before: Ledger) -> tuple[Written, ...]:
    """Returns the files of both ledgers: whichever of the two texts is on disk, it is ours."""
    paths = {file.path for file in after}
    return (*after, *(file for file in before.files if file.path not in paths))
