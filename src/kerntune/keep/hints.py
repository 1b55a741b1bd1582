"""Starting points from other tools: tuned profiles, sysctl.conf and sysctl.d. What is not taken is told."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kerntune.catalog import Catalog, breach, mark_of, touching
from kerntune.errors import InputError
from kerntune.keep.render import one_line
from kerntune.model.knob import Choice, Knob, Value
from kerntune.model.plan import Hint
from kerntune.owners import Setting, sysctl, tuned

LONGEST = 1 << 20  # bytes
Devices = Mapping[str, Sequence[str]]


def hint_from(path: Path, catalog: Catalog, devices: Devices | None = None) -> tuple[Hint, tuple[str, ...]]:
    """Returns the values of a file or of a tuned profile's directory as a starting point, and what was left.

    Args:
        path: A tuned.conf, its directory, or a file in the language of sysctl.d(5).
        catalog: Says what may be set, and within which bounds.
        devices: What the marks in knobs' names stand for here: {"disk": ("vda",)}. What a file says of all
            devices becomes a value of the template.

    Raises:
        InputError: it cannot be read, or holds nothing that can be taken.
    """
    file = path / "tuned.conf" if path.is_dir() else path
    text = _text(file)
    settings, notes = _settings(text, str(file))
    taken = _Taken(catalog, devices or {}, notes)
    for setting in settings:
        taken.take(setting)
    taken.keep_rules()
    if not taken.config:
        listed = "".join(f"\n  {note}" for note in taken.notes)
        msg = f"{file} holds no value that can be tried{listed}"
        raise InputError(msg, hint="a tuned profile, or lines like vm.swappiness = 10")
    return Hint(taken.config, f"from {one_line(str(file))}"), tuple(taken.notes)


@dataclass(slots=True)
class _Taken:
    """What has been taken so far, and what has not with its reason."""

    catalog: Catalog
    devices: Devices
    notes: list[str]
    config: dict[str, Value] = field(default_factory=dict)

    def take(self, setting: Setting) -> None:
        """Takes a setting for all knobs of the file that it sets, or notes why not."""
        where = f"line {setting.line}: {one_line(_name(setting.path))}"
        problem = _refused(self.catalog, setting.path)
        found = [] if problem else list(_knobs(self.catalog, setting, self.devices))
        if not found:
            self.notes.append(f"{where} {problem or 'is not in the catalogue, or of no device here'}")
        for members in found:
            words = setting.value.split()
            if len(words) != len(members):
                self.notes.append(f"{where} has {len(words)} values, {len(members)} are needed")
                continue
            for knob, word in zip(members, words, strict=True):
                self._enter(knob, word, where)

    def keep_rules(self) -> None:
        """Leaves out what breaks a rule between knobs, the last named first, until none is broken."""
        for rule in touching(self.catalog.constraints, tuple(self.config)):
            while problem := breach(rule, self.config):
                name = [name for name in rule.knobs if name in self.config][-1]
                self.notes.append(f"{name} = {self.config.pop(name)} is left out: {problem}")

    def _enter(self, knob: Knob, word: str, where: str) -> None:
        value = _typed(knob, word)
        if value not in knob.domain:
            self.notes.append(f"{where} = {one_line(word)} is outside {knob.domain}")
            return
        self.config[knob.name] = value


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST + 1)
    except (OSError, ValueError) as error:
        msg = f"cannot read {file}: {error.strerror if isinstance(error, OSError) else error}"
        raise InputError(msg, hint="name a tuned profile's directory, or a sysctl.conf") from error
    if len(data) > LONGEST:
        msg = f"{file} is too large: more than {LONGEST} bytes"
        raise InputError(msg, hint="name a tuned profile's directory, or a sysctl.conf")
    return data.decode("utf-8", "replace")


def _settings(text: str, file: str) -> tuple[Sequence[Setting], list[str]]:
    if not re.search(r"^\s*\[\w", text, re.MULTILINE):
        settings, problems = sysctl.parse(text, file)
        return settings, [one_line(problem) for problem in problems]
    profile = tuned.parse(text, file)
    notes = [one_line(problem) for problem in profile.problems]
    if profile.includes:
        names = one_line(", ".join(profile.includes))
        notes.append(f"it includes {names}, whose values are not taken: name that profile, too")
    return profile.settings, notes


def _refused(catalog: Catalog, path: str) -> str:
    """Returns why the file of a kernel is not taken, empty if nothing speaks against it."""
    name = _name(path)
    gone, danger = catalog.gone(name), catalog.danger(path) or catalog.danger(name)
    if gone is not None:
        return f"left the kernel in {gone.release}; instead: {gone.instead}"
    return f"is never written: {danger.reason}" if danger is not None else ""


def _name(path: str) -> str:
    """Returns how people name the file of a kernel: sysctls with dots, the rest by its path."""
    inside = path.removeprefix("/proc/sys/")
    return path if inside == path else inside.replace("/", ".")


def _knobs(catalog: Catalog, setting: Setting, devices: Devices) -> Iterator[tuple[Knob, ...]]:
    """Yields, for each file that a setting sets, its knobs in the file's order."""
    done = set()
    for template in catalog.knobs.values():
        for name in _names(template, setting, devices):
            knob = catalog.find(name)
            if knob is not None and knob.file not in done:
                done.add(knob.file)
                yield catalog.siblings(knob)


def _names(template: Knob, setting: Setting, devices: Devices) -> Iterator[str]:
    """Yields the names under which a setting sets a knob; where it means all devices, the template's own."""
    mark = mark_of(template.path)
    if mark is None:
        yield from (template.name,) if setting.sets(template.path) else ()
    elif template.path.replace(mark.text, "*") == setting.path:
        yield template.name
    else:
        for device in devices.get(mark.word, ()):
            if setting.sets(template.path.replace(mark.text, device)):
                yield template.name.replace(mark.text, device)


def _typed(knob: Knob, word: str) -> Value:
    if isinstance(knob.domain, Choice):
        return next((value for value in knob.domain.values if str(value) == word), word)
    return int(word) if re.fullmatch(r"-?[0-9]{1,20}", word) else word
