"""Values that stay: written to the running kernel, read back, and taken back later, also months later.

Unlike the hand this leaves what it wrote. The way back is the ledger, which must be on disk before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from kerntune.catalog import Catalog
from kerntune.errors import HandError
from kerntune.hand.change import Change
from kerntune.hand.draft import draft
from kerntune.hand.panel import Panel, member_name, plain, refusal, value_of
from kerntune.hand.protocol import Outcome
from kerntune.hand.restore import restore
from kerntune.keep.record import Kept, Ledger
from kerntune.keep.values import rivals, settle, words_of
from kerntune.model.knob import Absence, AbsenceReason, Config, Knob, Reading


def look(names: Iterable[str], panel: Panel) -> dict[str, Reading]:
    """Returns the present values of knobs, or why there is none; whether they could be written is not asked.

    So an ordinary user can compare, too.
    """
    return {name: _look(name, panel) for name in names}


def commit(config: Config, panel: Panel) -> tuple[Change, ...]:
    """Writes a config to the running kernel, all of it or nothing, leaves it there and returns the changes.

    Raises:
        HandError: a knob is unknown, a danger or absent, or the kernel refused a value; nothing is changed.
    """
    done: list[Change] = []
    try:
        for change in draft(config, panel, 0, {}):
            done.append(change)
            done[-1] = _written(change, panel)
    except HandError:
        restore(done, panel)
        raise
    return tuple(done)


def take_back(changes: Sequence[Change], panel: Panel) -> tuple[Outcome, ...]:
    """Puts changes back where nobody else wrote meanwhile, and says what became of each knob."""
    return restore(changes, panel).outcomes


def effects(kept: Kept, panel: Panel) -> Kept:
    """Returns a run with what the kernel made of its config, and of what it may have set anew with it."""
    present = {
        name: value for name, value in look(kept.before, panel).items() if not isinstance(value, Absence)
    }
    touched = {
        name: value for name, value in present.items() if name in kept.config or value != kept.before[name]
    }
    return replace(kept, effective=touched)


def way_back(kept: Kept, ledger: Ledger, catalog: Catalog) -> tuple[Change, ...]:
    """Returns the changes that undoing a run takes back, oldest first; `ledger` still holds the run.

    A knob goes back to what an earlier kept run wants, else to what was there before. What a later run set,
    too, or excludes, stays as it is.
    """
    rest = settle(ledger.without_run(kept).runs, catalog).config
    later = _set_later(kept, ledger, catalog)
    ours = {
        name: value
        for name, value in {**kept.config, **_zeroed(kept, catalog), **kept.effective}.items()
        if name in kept.before and name not in later
    }
    old = {name: rest.get(name, kept.before[name]) for name in ours}
    files = words_of(catalog, ours, {**kept.before, **ours})
    changes = [_change(knob, words, old, is_sure=bool(kept.effective)) for knob, words in files]
    return tuple(replace(change, twin=_twin(change, kept, catalog)) for change in changes)


def _change(knob: Knob, ours: tuple[str, ...], old: Config, *, is_sure: bool) -> Change:
    names = (member_name(knob, index) for index in range(len(ours)))
    back = tuple(str(old.get(name, word)) for name, word in zip(names, ours, strict=True))
    return Change(0, knob.name, back, ours, ours if is_sure else None)


def _twin(change: Change, kept: Kept, catalog: Catalog) -> str:
    """Returns the knob of the config that a file gave way to: it stays zeroed if somebody else set that."""
    if change.knob in kept.config:
        return ""
    return next((name for name in rivals(catalog, change.knob) if name in kept.config), "")


def _zeroed(kept: Kept, catalog: Catalog) -> Config:
    """Returns the knobs that the kernel forgot when those of the config were set: each excludes another."""
    others = (other for name in kept.config for other in rivals(catalog, name))
    return {name: 0 for name in others if kept.before.get(name, 0) != 0}


def _set_later(kept: Kept, ledger: Ledger, catalog: Catalog) -> frozenset[str]:
    """Returns the knobs that runs kept after this one hold, and those that these exclude."""
    order = [run.run_id for run in ledger.runs]
    own = order.index(kept.run_id)
    held = [name for run in ledger.runs[own + 1 :] for name in run.config]
    return frozenset((*held, *(other for name in held for other in rivals(catalog, name))))


def _written(change: Change, panel: Panel) -> Change:
    if not change.is_real or not change.asked:
        return replace(change, effective=change.old)
    knob = panel.knob(change.knob)
    try:
        if change.twin and panel.read(knob) == change.new:
            return replace(change, effective=change.new)  # the kernel has zeroed it already
        panel.write(knob, change.new)
        effective = panel.read(knob)
    except OSError as error:
        raise refusal(error, f"write {' '.join(change.new)} to", change.knob) from error
    for asked, got in zip(change.new, effective, strict=True):
        if asked != got and not isinstance(plain(asked), int):
            msg = f"{change.knob} was to be {asked} and is {got}: the kernel ignored the write"
            raise HandError(msg, knob=change.knob, hint="this kernel does not know that word")
    return replace(change, effective=effective)


def _look(name: str, panel: Panel) -> Reading:
    try:
        knob = panel.knob(name)
        return value_of(knob, panel.read(knob)[knob.member])
    except HandError as error:
        return Absence(AbsenceReason.UNKNOWN, str(error))
    except (OSError, ValueError) as error:
        reason = AbsenceReason.PERMISSION if isinstance(error, PermissionError) else AbsenceReason.UNKNOWN
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Absence(reason, words)
