"""The lines of the pipe."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerntune.errors import HandError
from kerntune.hand import protocol
from kerntune.hand.protocol import Effect, Lines, Outcome
from kerntune.model.knob import Absence, AbsenceReason

VALUES = st.integers() | st.text()


@given(
    st.lists(st.binary(max_size=9).filter(lambda line: line.strip() and b"\n" not in line)), st.integers(1, 7)
)
def test_lines_come_out_whole_however_the_stream_is_cut(lines, size):
    """A pipe gives pieces of any length."""
    stream = b"".join(line + b"\n" for line in lines)
    cutter = Lines()

    found = [line for i in range(0, len(stream), size) for line in cutter.feed(stream[i : i + size])]

    assert found == lines


def test_a_line_without_an_end_is_refused():
    """Memory is not filled by a caller that never sends a newline."""
    with pytest.raises(HandError, match="a line of more than"):
        Lines().feed(b"x" * (protocol.LONGEST_LINE + 1))


@given(st.binary(max_size=40))
def test_any_bytes_are_a_request_or_refused(data):
    """Nothing but HandError comes out of the parser."""
    try:
        found = protocol.request(data)
    except HandError:
        return
    assert isinstance(found.op, str)


def test_a_field_given_twice_is_refused():
    """The second value of a knob must not silently win over the first."""
    line = b'{"op":"apply","config":{"a":1,"a":2}}'

    with pytest.raises(HandError, match="twice"):
        protocol.request(line)


def test_deeply_nested_lines_are_refused():
    """Nesting must not exhaust the stack."""
    with pytest.raises(HandError, match="not a JSON line"):
        protocol.parse(b"[" * 100_000)


@given(VALUES | st.builds(Absence, st.sampled_from(AbsenceReason), st.text()))
def test_readings_survive_the_pipe(reading):
    """What the hand read is what the client gets."""
    line = json.dumps(protocol.reading_to_json(reading))

    assert protocol.reading_from_json(json.loads(line)) == reading


@pytest.mark.parametrize(
    "item", [True, 1.5, None, [], {"absent": "mood", "detail": ""}, {"absent": "version"}]
)
def test_what_is_no_reading_is_refused(item):
    """A reply from another version is an error, not a value."""
    with pytest.raises(HandError, match="makes no sense"):
        protocol.reading_from_json(item)


def test_effects_and_outcomes_survive_the_pipe():
    """Both are rebuilt with their types."""
    effect = {"knob": "a", "requested": 1, "effective": 2, "match": "clamped"}
    outcome = {"knob": "a", "state": "left", "old": 1, "ours": 2, "present": 3, "detail": "x"}

    assert protocol.effect_from_json(effect) == Effect("a", 1, 2, "clamped")
    assert protocol.outcome_from_json(outcome) == Outcome("a", "left", 1, 2, 3, "x")
    for wrong in ({**effect, "match": "nearly"}, {}, 3):
        with pytest.raises(HandError, match="makes no sense"):
            protocol.effect_from_json(wrong)
    for wrong in ({**outcome, "state": "odd"}, {}, 3):
        with pytest.raises(HandError, match="makes no sense"):
            protocol.outcome_from_json(wrong)


def test_errors_survive_the_pipe():
    """Message, knob, kind and hint arrive as they were."""
    error = HandError("no", knob="a", kind="domain", hint="do")

    found = protocol.error_from_json(protocol.error_to_json(error))

    assert (str(found), found.knob, found.kind, found.hint) == ("no", "a", "domain", "do")
