"""What is kept on a machine: data from which every file and every way back can be made again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kerntune.model.knob import Config, Value

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Occasion:
    """Which run is kept, with its verdict in words, when (epoch, s), and under which kernel and boot."""

    run_id: str
    verdict: str
    when: float
    kernel: str
    boot: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One run's config as it is kept.

    `before` holds the values that were there, also of knobs that share a file with one of the config, or that
    the kernel may set anew with it. `effective` is what the kernel made of the config; empty until it was
    written and read back. One that is not `permanent` has no files: a restart takes it back. `paths` are the
    kernel's files by knob: they can be named when a later catalogue does not know the knob any more.
    """

    occasion: Occasion
    config: Config
    before: Config
    effective: Config = field(default_factory=dict)
    permanent: bool = True
    paths: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """Returns the run's id."""
        return self.occasion.run_id

    def ours(self, name: str) -> Value | None:
        """Returns the value we left a knob at, as far as we know; None if we did not touch it."""
        return self.effective.get(name, self.config.get(name))


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file as it should be; `path` is named from /. An empty text: it should not be there."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Written:
    """A file of ours with its digest; `previous` is that of the text before, which a crash may have left."""

    path: str
    text: str
    sha256: str
    previous: str = ""

    def is_ours(self, text: str) -> bool:
        """Returns whether a text found there is one that we wrote."""
        return digest(text) in (self.sha256, self.previous)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything kept on one machine: the runs in the order they were kept, and our files."""

    runs: tuple[Kept, ...] = ()
    files: tuple[Written, ...] = ()

    def run(self, run_id: str) -> Kept | None:
        """Returns what is kept of a run."""
        return next((run for run in self.runs if run.run_id == run_id), None)

    def file(self, path: str) -> Written | None:
        """Returns a file of ours."""
        return next((file for file in self.files if file.path == path), None)

    def with_run(self, kept: Kept) -> "Ledger":
        """Returns the ledger with a run kept last; one that was kept before gives way to it."""
        known = self.run(kept.run_id)
        rest = self if known is None else self.without_run(known)
        return replace(self, runs=(*rest.runs, kept))

    def without_run(self, gone: Kept) -> "Ledger":
        """Returns the ledger without a run.

        Where a later run found a value of the one that goes, it found what that one had found before.
        """
        place = [run.run_id for run in self.runs].index(gone.run_id)
        later = (_inherited(run, gone) for run in self.runs[place + 1 :])
        return replace(self, runs=(*self.runs[:place], *later))

    def origins(self, kept: Kept) -> Config:
        """Returns what was there before a run, and before every other that is kept."""
        ledger = self.with_run(kept)
        for run in ledger.runs[:-1]:
            ledger = ledger.without_run(run)
        return ledger.runs[-1].before

    def with_rest(self, kept: Kept, left: Config, boot: str) -> "Ledger":
        """Returns the ledger with no more of a run than these values of its knobs, until a restart.

        They did not go back. Nothing sets them at the next boot, which so ends the record, too.
        """
        place = [run.run_id for run in self.runs].index(kept.run_id)
        rest = self.without_run(kept)
        if not left:
            return rest
        occasion = replace(kept.occasion, boot=boot)
        stays = replace(kept, occasion=occasion, config=left, effective=left, permanent=False)
        return replace(self, runs=(*rest.runs[:place], stays, *rest.runs[place:]))

    def with_stuck(self, wish: Kept, stuck: Config, boot: str) -> "Ledger":
        """Returns the ledger with the values that an attempt to keep a run left behind."""
        known = self.run(wish.run_id)
        if known is None:
            return self.with_run(wish).with_rest(wish, stuck, boot)
        before, effective = {**wish.before, **known.before}, {**known.effective, **stuck}
        changed = replace(known, before=before, effective=effective)
        return replace(self, runs=tuple(changed if run is known else run for run in self.runs))

    def in_boot(self, boot: str) -> "Ledger":
        """Returns the ledger as it stands in a boot: what was kept until a restart is over after it."""
        ledger = self
        for run in self.runs:
            if not run.permanent and run.occasion.boot != boot:
                ledger = ledger.without_run(run)
        return ledger

    def with_files(self, files: tuple[File, ...]) -> "Ledger":
        """Returns the ledger with the files as they will be; the digests they have now become previous."""
        written = []
        for file in files:
            known = self.file(file.path)
            sha256 = digest(file.text)
            older = "" if known is None else known.previous if known.sha256 == sha256 else known.sha256
            written.append(Written(file.path, file.text, sha256, older))
        return replace(self, files=tuple(written))


def digest(text: str) -> str:
    """Returns the SHA-256 of a text in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _inherited(run: Kept, gone: Kept) -> Kept:
    touched: Mapping[str, Value] = {**gone.config, **gone.effective}
    before = {
        name: gone.before[name] if name in touched and value == gone.ours(name) else value
        for name, value in run.before.items()
    }
    return replace(run, before=before)
