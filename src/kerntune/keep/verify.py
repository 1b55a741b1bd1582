"""Compares what is kept with the running kernel, and with the files that set it at the next boot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kerntune.catalog import Catalog
from kerntune.hand.panel import plain
from kerntune.keep import files
from kerntune.keep.record import Ledger
from kerntune.keep.render import PROC_SYS, SYSCTL_D, TMPFILES_D
from kerntune.keep.values import Settled, settle, words_of
from kerntune.model.knob import Absence, Reading, Value
from kerntune.owners import sysctl, tmpfiles

State = Literal["same", "differs", "absent", "unreadable", "overridden", "changed", "missing"]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one knob or file compares; everything in it is JSON-ready.

    Of a knob: `same`, `differs` from what is kept, `absent` from this kernel, `unreadable` for us;
    `overridden`: another file sets it to `present` at the next boot. Of a file: `same`, `changed` by somebody
    else, `missing`.
    """

    subject: str
    state: State
    kept: Value | None = None
    present: Value | None = None
    detail: str = ""


def verify(
    ledger: Ledger, readings: Mapping[str, Reading], catalog: Catalog, root: Path
) -> tuple[Difference, ...]:
    """Returns how each kept knob and each file of ours compares, and which other files override ours.

    `readings` are the present values of the kept knobs. What is as it should be is told as `same`.
    """
    settled = settle(ledger.runs, catalog)
    lasting = settle([run for run in ledger.runs if run.permanent], catalog)
    return (
        *(_compared(name, ledger, settled, readings.get(name)) for name in settled.config),
        *(_file_state(ledger, root)),
        *(_overrides(lasting, catalog, root)),
    )


def is_kept(differences: tuple[Difference, ...]) -> bool:
    """Returns whether everything is as it was kept."""
    return all(difference.state == "same" for difference in differences)


def _compared(name: str, ledger: Ledger, settled: Settled, reading: Reading | None) -> Difference:
    wanted = settled.config[name]
    kept = ledger.run(settled.run[name])
    made = wanted if kept is None else kept.ours(name)
    if reading is None or isinstance(reading, Absence):
        detail = "" if reading is None else reading.detail
        state: State = "unreadable" if reading is not None and reading.reason == "permission" else "absent"
        return Difference(name, state, wanted, None, detail)
    if reading in (wanted, made):
        return Difference(name, "same", wanted, reading)
    return Difference(name, "differs", wanted, reading, f"run {settled.run[name]} set it to {made}")


def _file_state(ledger: Ledger, root: Path) -> Iterator[Difference]:
    for file in ledger.files:
        text = files.found(root, file.path)
        if text is None:
            yield Difference(file.path, "missing", detail="the next boot will not set these knobs")
        elif text == file.text:
            yield Difference(file.path, "same")
        else:
            yield Difference(file.path, "changed", detail="somebody else wrote to it")


def _overrides(settled: Settled, catalog: Catalog, root: Path) -> Iterator[Difference]:
    settings, written = sysctl.effective(sysctl.settings(root)), tmpfiles.effective(tmpfiles.settings(root))
    for knob, words in words_of(catalog, settled.config, settled.base):
        is_sysctl = knob.path.startswith(PROC_SYS)
        value = " ".join(words)
        lasting = (settings if is_sysctl else written)(knob.path)
        # systemd-tmpfiles runs after systemd-sysctl and may write to /proc/sys, too
        later = written(knob.path) if is_sysctl else None
        setting = later or lasting
        if setting is not None and setting.file not in (SYSCTL_D, TMPFILES_D) and setting.value != value:
            yield Difference(
                knob.file, "overridden", plain(value), plain(setting.value), f"by {setting.place}"
            )
