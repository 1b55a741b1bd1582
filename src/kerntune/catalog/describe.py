"""Says what the catalogue knows, as data: rows for lists, lines for one knob, and the reference page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kerntune.catalog.loader import Catalog
from kerntune.model.knob import Absence, Knob, Range, Reading, Value

PAGE_HEAD = """# Knobs

Made from the catalogue by `python -m kerntune.catalog`; edit `src/kerntune/catalog/`, not this page.

A knob is named as the kernel names it: a setting below /proc/sys keeps its name, one below /sys is named
after its place (`mm.` is /sys/kernel/mm, `module.NAME` is /sys/module/NAME/parameters; `block`, `class.net`
and `cpu` are the folders of disks, network devices and CPUs). A file that holds several values has one knob
for each, named after a colon. `{device}` stands for a network device, `{disk}` for a disk, `{ext4}` for the
block device of a mounted ext4 file system, `{policy}` for a group of CPUs that change their frequency
together; in a plan they stand for all of them. Risk: R0 harmless, R1 speed only, R2 memory, latency,
connections or data not yet written. Ranges are what kerntune searches, not what the kernel accepts.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One knob on one target: its present value, or why it cannot be turned; neither if nobody looked."""

    knob: Knob
    present: Value | None = None
    absence: Absence | None = None


def rows(catalog: Catalog, readings: Mapping[str, Reading] | None = None, text: str = "") -> list[Row]:
    """Returns the knobs that hold every word of `text` (all without one), with what a target says of them."""
    readings = readings or {}
    knobs = catalog.search(text) if text.strip() else list(catalog.knobs.values())
    return [_row(knob, readings.get(knob.name)) for knob in knobs]


def _row(knob: Knob, reading: Reading | None) -> Row:
    if isinstance(reading, Absence):
        return Row(knob, absence=reading)
    return Row(knob, present=reading)


def facts(catalog: Catalog, knob: Knob) -> list[tuple[str, str]]:
    """Returns everything known about a knob, as (what, text) in the order to be read."""
    guard = catalog.guard(knob.name)
    return [(what, text) for what, text in _facts(catalog, knob, guard.reason if guard else "") if text]


def _facts(catalog: Catalog, knob: Knob, guard: str) -> Iterator[tuple[str, str]]:
    yield "name", knob.name
    yield "meaning", knob.meaning
    yield "values", domain_text(knob)
    yield "default", default_text(knob)
    yield "scope", knob.scope
    yield "risk", knob.risk
    yield "careful", guard
    yield "rollback", knob.rollback
    yield "acts on", knob.acts_on
    yield "since", knob.since
    yield "history", knob.history
    yield "needs", knob.needs
    yield "does nothing", f"where there is {' or '.join(knob.inert_when)}" if knob.inert_when else ""
    yield "matters for", ", ".join(knob.workloads)
    for constraint in catalog.constraints:
        if knob.name in constraint.knobs:
            others = ", ".join(name for name in constraint.knobs if name != knob.name)
            yield "together with", f"{others} ({constraint.kind}): {constraint.reason}"
    yield "path", knob.path
    yield "source", knob.source


def domain_text(knob: Knob) -> str:
    """Returns the knob's domain in words, with its unit, scale and direction."""
    notes: list[str] = []
    if isinstance(knob.domain, Range):
        notes += ["log scale"] * knob.domain.log
        notes += ["never below the present value"] * knob.domain.never_below_default
    notes += ["as far as the target offers them"] * bool(knob.choices_from)
    return "; ".join([f"{knob.domain} {knob.unit}".strip(), *notes])


def default_text(knob: Knob) -> str:
    """Returns the knob's upstream default in words; empty if there is none to state."""
    parts = [] if knob.default is None else [str(knob.default)]
    return "; ".join([*parts, *([knob.default_note] if knob.default_note else [])])


def page(catalog: Catalog) -> str:
    """Returns the reference page of all knobs and of everything that is never written, in Markdown."""
    lines = [PAGE_HEAD]
    for subsystem in dict.fromkeys(knob.subsystem for knob in catalog.knobs.values()):
        knobs = [knob for knob in catalog.knobs.values() if knob.subsystem == subsystem]
        lines += [f"## {subsystem}", "", *_knob_table(knobs), ""]
    lines += ["## Never written", "", "| name | at stake | why |", "|---|---|---|"]
    lines += [
        f"| `{danger.name}` | {', '.join(danger.classes)} | {danger.reason} |"
        for danger in catalog.dangers
        if danger.policy == "never"
    ]
    lines += ["", "## Gone", "", "| name | left the kernel in | instead |", "|---|---|---|"]
    lines += [f"| `{gone.name}` | {gone.release} | {gone.instead} |" for gone in catalog.vanished]
    return "\n".join(lines) + "\n"


def _knob_table(knobs: Sequence[Knob]) -> Iterator[str]:
    yield "| knob | meaning | values | default | risk | acts on | since |"
    yield "|---|---|---|---|---|---|---|"
    for knob in knobs:
        cells = (
            f"`{knob.name}`", knob.meaning, domain_text(knob), default_text(knob), knob.risk,
            knob.acts_on, knob.since,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
