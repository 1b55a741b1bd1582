"""Values that stay: written to the running kernel, read back, and taken back later, also months later.

Unlike the hand this leaves what it wrote. The way back is the ledger, which must be on disk before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kerntune.catalog import Catalog
from kerntune.errors import HandError
from kerntune.hand.change import Change, Restored
from kerntune.hand.draft import draft
from kerntune.hand.kinds import Words
from kerntune.hand.panel import Panel, member_name, plain, refusal, value_of
from kerntune.hand.restore import restore
from kerntune.keep.order import disturbed
from kerntune.keep.record import Kept, Ledger
from kerntune.keep.values import rivals, settle, words_of
from kerntune.model.knob import Absence, AbsenceReason, Config, Reading, Value


def look(names: Iterable[str], panel: Panel) -> dict[str, Reading]:
    """Returns the present values of knobs, or why there is none; whether they could be written is not asked.

    So an ordinary user can compare, too.
    """
    return {name: _look(name, panel) for name in names}


def present(names: Iterable[str], panel: Panel) -> dict[str, Value]:
    """Returns the present values of those knobs that have one."""
    found = look(names, panel)
    return {name: value for name, value in found.items() if not isinstance(value, Absence)}


def commit(config: Config, floors: Config, panel: Panel, done: list[Change]) -> None:
    """Writes a config to the running kernel and leaves it there; adds each change to `done`, also the last.

    `floors` are the values that were there before, for knobs that may not go below theirs.

    Raises:
        HandError: a knob is unknown, a danger or absent, or the kernel refused a value; what is done must be
            taken back.
    """
    for change in draft(config, panel, 0, floors):
        done.append(change)
        done[-1] = _written(change, panel)


def take_back(changes: Sequence[Change], panel: Panel) -> Restored:
    """Puts changes back where nobody else wrote meanwhile; says what became of each knob, and what is stuck.

    What the kernel sets anew with another file is somebody else's word all the same where that file is back
    already: months later nobody can tell whose hand it was.
    """
    back = {change.file for change in changes if _words(change, panel) == change.old}
    untied = (replace(change, disturber="") if change.disturber in back else change for change in changes)
    return restore(tuple(untied), panel)


def inverted(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Returns the changes that took these back, so that they in turn can be: a transaction before others."""
    return tuple(
        replace(change, transaction=-1, old=change.ours, new=change.old, effective=change.old)
        for change in changes
    )


def values_of(changes: Iterable[Change], catalog: Catalog) -> Config:
    """Returns the values we left the knobs of changes at, those aside that did not change."""
    found = {}
    for change in changes:
        for name, word, old in zip(_names(change, catalog), change.ours, change.old, strict=True):
            if word != old or change.disturber:
                knob = catalog.find(name)
                found[name] = plain(word) if knob is None else value_of(knob, word)
    return found


def resettled(kept: Kept, ledger: Ledger, now: Mapping[str, Reading], catalog: Catalog) -> Config:
    """Returns what other runs keep and the kernel sets anew when this one is written: to be written after it.

    Not where somebody else changed it meanwhile: `now` are the present values.
    """
    settled = settle(ledger.with_run(kept).runs, catalog)
    found = {}
    for name in disturbed(kept.config, catalog):
        holder = ledger.run(settled.run.get(name, kept.run_id))
        if holder is not None and holder.run_id != kept.run_id and now.get(name) == holder.ours(name):
            found[name] = settled.config[name]
    return found


def effects(kept: Kept, panel: Panel) -> Kept:
    """Returns a run with what the kernel made of its config, and of what it may have set anew with it."""
    touched = {
        name: value
        for name, value in present(kept.before, panel).items()
        if name in kept.config or value != kept.before[name]
    }
    return replace(kept, effective=touched)


def way_back(kept: Kept, ledger: Ledger, catalog: Catalog) -> tuple[Change, ...]:
    """Returns the changes that undoing a run takes back, oldest first; `ledger` still holds the run.

    A knob goes back to what an earlier kept run wants, else to what was there before. What a later run set,
    too, or excludes, stays as it is. What the kernel sets anew on the way is among them, to be put right.
    """
    rest = settle(ledger.without_run(kept).runs, catalog).config
    later = _held_later(kept, ledger)
    shut = {*later, *(other for name in later for other in rivals(catalog, name))}
    touched = {**kept.config, **_zeroed(kept, catalog), **kept.effective}
    ours = {name: value for name, value in touched.items() if name in kept.before and name not in shut}
    ties = {name: by for name, by in disturbed(ours, catalog).items() if name in kept.before}
    ours |= {name: later.get(name, ours.get(name, kept.before[name])) for name in ties}
    old = {name: later.get(name, rest.get(name, kept.before[name])) for name in ours}
    files = [(knob.name, words) for knob, words in words_of(catalog, ours, {**kept.before, **ours})]
    files += [(name, (str(value),)) for name, value in ours.items() if catalog.find(name) is None]
    changes = [_change(name, words, old, catalog, is_sure=bool(kept.effective)) for name, words in files]
    return tuple(
        replace(change, twin=_twin(change, kept, catalog), disturber=ties.get(change.knob, ""))
        for change in changes
    )


def dropped(kept: Kept, ledger: Ledger, catalog: Catalog) -> tuple[Change, ...]:
    """Returns the changes of a run's earlier self, in the ledger, that its new config does not make any more.

    Not those that the new config makes by itself: what it excludes, or disturbs.
    """
    earlier = ledger.run(kept.run_id)
    changes = []
    for change in () if earlier is None else way_back(earlier, ledger, catalog):
        assert earlier is not None
        names, tie = _names(change, catalog), change.disturber
        words = zip(names, change.ours, change.old, strict=True)
        back = tuple(mine if name in kept.config else old for name, mine, old in words)
        is_made = not kept.config.keys().isdisjoint((change.twin, *rivals(catalog, change.knob)))
        is_side_effect = tie in kept.config and earlier.config.keys().isdisjoint(names)
        left = replace(change, old=back, disturber="" if tie in kept.config else tie)
        if left.is_real and not is_made and not is_side_effect:
            changes.append(left)
    return tuple(changes)


def _change(name: str, ours: tuple[str, ...], old: Config, catalog: Catalog, *, is_sure: bool) -> Change:
    change = Change(0, name, ours, ours, ours if is_sure else None)
    names = _names(change, catalog)
    return replace(
        change, old=tuple(str(old.get(name, word)) for name, word in zip(names, ours, strict=True))
    )


def _names(change: Change, catalog: Catalog) -> tuple[str, ...]:
    """Returns the knobs of a change's words."""
    knob = catalog.find(change.knob)
    if knob is None:
        return (change.knob,)
    return tuple(member_name(knob, index) for index in range(len(change.old)))


def _twin(change: Change, kept: Kept, catalog: Catalog) -> str:
    """Returns the knob of the config that a file gave way to: it stays zeroed if somebody else set that."""
    if change.knob in kept.config:
        return ""
    return next((name for name in rivals(catalog, change.knob) if name in kept.config), "")


def _zeroed(kept: Kept, catalog: Catalog) -> Config:
    """Returns the knobs that the kernel forgot when those of the config were set: each excludes another."""
    others = (other for name in kept.config for other in rivals(catalog, name))
    return {name: 0 for name in others if kept.before.get(name, 0) != 0}


def _held_later(kept: Kept, ledger: Ledger) -> Config:
    """Returns the values at which runs kept after this one left the knobs that they hold."""
    place = [run.run_id for run in ledger.runs].index(kept.run_id)
    return {
        name: run.effective.get(name, value)
        for run in ledger.runs[place + 1 :]
        for name, value in run.config.items()
    }


def _words(change: Change, panel: Panel) -> Words | None:
    try:
        return panel.read(panel.knob(change.knob))
    except (HandError, OSError):
        return None


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
