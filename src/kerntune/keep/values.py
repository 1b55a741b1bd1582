"""What several kept runs amount to, which knobs hang together, and what a file's words are. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kerntune.catalog import Catalog, touching
from kerntune.errors import Fault, PlanError
from kerntune.keep.order import disturbed, ordered
from kerntune.keep.record import Kept
from kerntune.model.knob import Absence, Config, Knob, Reading, Value


@dataclass(frozen=True, slots=True)
class Overruled:
    """A kept value that a later run replaced."""

    knob: str
    value: Value
    run_id: str
    by: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What kept runs amount to: the values, whose they are, and what was overruled.

    `base` are the values of knobs that share a file with one of them.
    """

    config: Config
    run: Mapping[str, str]
    overruled: tuple[Overruled, ...]
    base: Config


def names(config: Iterable[str], catalog: Catalog) -> tuple[str, ...]:
    """Returns the knobs whose present values must be known before a config is kept.

    Its own, the other members of their files, and those that the kernel may set anew when they are written.
    """
    own = tuple(config)
    rules = [rule for rule in touching(catalog.constraints, own) if rule.kind in ("exclusive", "disturbs")]
    near = dict.fromkeys((*own, *(name for rule in rules for name in rule.knobs)))
    known = (knob for name in near if (knob := catalog.find(name)) is not None and not knob.read_only)
    return tuple(dict.fromkeys(member.name for knob in known for member in catalog.siblings(knob)))


def make(wish: Kept, readings: Mapping[str, Reading], catalog: Catalog) -> Kept:
    """Returns a run as it is kept, with the values that are there now.

    Raises:
        PlanError: a knob of it is unknown, a danger, or not there on this machine; all are named.
    """
    faults = []
    for name, value in wish.config.items():
        knob, reading = catalog.find(name), readings.get(name)
        if catalog.danger(name) or knob is None or knob.read_only:
            faults.append(Fault(name, value, "is no knob that kerntune sets"))
        elif not isinstance(reading, int | str):
            why = reading.detail if isinstance(reading, Absence) else "it was not read"
            faults.append(Fault(name, value, f"cannot be set here: {why}"))
    if faults:
        hint = "`kerntune doctor` says what this machine has"
        source = f"run {wish.run_id} cannot be kept on this machine"
        raise PlanError(source, faults, hint=hint)
    before = {name: value for name, value in readings.items() if isinstance(value, int | str)}
    paths = {name: knob.path for name in before if (knob := catalog.find(name)) is not None}
    return replace(wish, before=before, paths=paths)


def again(kept: Kept, earlier: Kept | None) -> Kept:
    """Returns a run that is kept a second time: what it found then was there before, unless changed since."""
    if earlier is None:
        return kept
    before = {
        name: earlier.before.get(name, value) if value == earlier.ours(name) else value
        for name, value in kept.before.items()
    }
    return replace(kept, before=before)


def settle(runs: Sequence[Kept], catalog: Catalog) -> Settled:
    """Returns what runs amount to: of values for one knob, or for knobs that exclude each other, the last.

    A setting of a scheduler or governor ends with it.
    """
    config: dict[str, Value] = {}
    owner: dict[str, str] = {}
    overruled = []
    for run in runs:
        for name, value in run.config.items():
            for rival in (name, *rivals(catalog, name), *_ended(catalog, name, value)):
                if rival in config and (rival != name or config[rival] != value):
                    overruled.append(Overruled(rival, config[rival], owner[rival], run.run_id))
                if rival in config:
                    del config[rival], owner[rival]
            config[name], owner[name] = value, run.run_id
    base = {name: value for run in runs for name, value in run.before.items()}
    return Settled(config, owner, tuple(overruled), base)


def rivals(catalog: Catalog, name: str) -> tuple[str, ...]:
    """Returns the knobs that a knob excludes: setting one of them makes the kernel forget the other."""
    rules = (rule for rule in touching(catalog.constraints, (name,)) if rule.kind == "exclusive")
    return tuple(other for rule in rules for other in rule.knobs if other != name)


def _ended(catalog: Catalog, name: str, value: Value) -> tuple[str, ...]:
    """Returns the knobs that a value of another one takes away: an I/O scheduler takes its settings along."""
    moved = disturbed((name,), catalog)
    rules = [rule for rule in touching(catalog.constraints, (name,)) if rule.kind == "requires"]
    ended = [rule for rule in rules if name in rule.knobs[1:] and value not in rule.values]
    return tuple(rule.knobs[0] for rule in ended if rule.knobs[0] in moved)


def words_of(catalog: Catalog, config: Config, base: Config) -> Iterator[tuple[Knob, tuple[str, ...]]]:
    """Yields each file of a config once, as one of its knobs, with the words of the whole file.

    In the order of writing, where `base` are the present values. Files with a member whose value nobody knows
    are passed over.
    """
    values = {**base, **config}
    done = set()
    for name in ordered(config, base, catalog):
        knob = catalog.find(name)
        if knob is None or knob.file in done:
            continue
        done.add(knob.file)
        members = [sibling.name for sibling in catalog.siblings(knob)]
        if all(member in values for member in members):
            yield knob, tuple(str(values[member]) for member in members)
