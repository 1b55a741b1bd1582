"""Readings: a value, or why there is none."""

import errno
from dataclasses import dataclass, replace

import pytest

from kerntune.catalog import load
from kerntune.errors import HandError
from kerntune.hand.draft import draft
from kerntune.hand.kinds import kinds
from kerntune.hand.panel import Panel
from kerntune.model.knob import Absence, AbsenceReason, Choice, Scope

TTL = "net.ipv4.ip_default_ttl"


@dataclass
class Failing:
    """A kind that answers with errors."""

    reading: int = 0
    opening: int = 0
    writing: int = 0

    def read(self, knob):
        return self._or(self.reading, ("64",))

    def check_writable(self, knob):
        self._or(self.opening, None)

    def write(self, knob, words):
        self._or(self.writing, None)

    def _or(self, number, value):
        if number:
            raise OSError(number, errno.errorcode[number])
        return value


def reading(catalog, kind, probe=False, **facts):
    knob = replace(catalog.knobs[TTL], **facts)
    changed = replace(catalog, knobs={TTL: knob})
    return Panel(changed, {"sysctl": kind}).reading(TTL, probe=probe)


@pytest.mark.parametrize(
    ("kind", "facts", "reason"),
    [
        (Failing(reading=errno.ENOENT), {}, AbsenceReason.VERSION),
        (Failing(reading=errno.ENOENT), {"needs": "module:x"}, AbsenceReason.MODULE),
        (Failing(reading=errno.ENOENT), {"needs": "config:CONFIG_X"}, AbsenceReason.BUILD),
        (Failing(reading=errno.ENOENT), {"scope": Scope.GLOBAL}, AbsenceReason.NAMESPACE),
        (Failing(reading=errno.EACCES), {}, AbsenceReason.PERMISSION),
        (Failing(reading=errno.EIO), {}, AbsenceReason.UNKNOWN),
        (Failing(opening=errno.EROFS), {}, AbsenceReason.PERMISSION),
        (Failing(opening=errno.EPERM), {}, AbsenceReason.PERMISSION),
        (Failing(opening=errno.EBUSY), {}, AbsenceReason.UNKNOWN),
    ],
)
def test_absences_are_classified(catalog, kind, facts, reason):
    """A missing file is not an error of the host, and a mode bit does not make a file writable."""
    found = reading(catalog, kind, **facts)

    assert isinstance(found, Absence)
    assert found.reason is reason
    assert found.detail


def test_the_present_value_is_told_even_where_it_cannot_be_written(catalog):
    """It helps to know what it is."""
    assert "is 64 and may not be written" in reading(catalog, Failing(opening=errno.EPERM)).detail


def test_only_a_probe_writes(catalog):
    """Lockdown lets a file be opened and refuses the write; only a write can tell."""
    kind = Failing(writing=errno.EPERM)

    assert reading(catalog, kind) == 64
    assert reading(catalog, kind, probe=True).reason is AbsenceReason.PERMISSION


def test_words_take_the_catalogues_type(catalog):
    """The kernel only knows text."""
    assert reading(catalog, Failing(), domain=Choice((64, 65))) == 64
    assert reading(catalog, Failing(), domain=Choice(("64", "65"))) == "64"
    assert reading(catalog, Failing(), domain=Choice(("a", "b"))) == "64"


def test_what_is_on_the_danger_list_may_be_read_for_others_and_never_written():
    """tcp_tw_reuse acts only with tcp_timestamps on: that must be seen, and never changed."""
    panel = Panel(load(), kinds())

    found = panel.reading("net.ipv4.tcp_timestamps")

    assert not isinstance(found, Absence)
    with pytest.raises(HandError) as caught:
        draft({"net.ipv4.tcp_timestamps": 0}, panel, 1, {})
    assert caught.value.kind == "danger"
