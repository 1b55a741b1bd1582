import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.planners.words import nearest, split, stem


def stems(text: str) -> list[str]:
    return [word.stem for word in split(text)]


@pytest.mark.parametrize(
    "forms",
    [
        ("upload", "uploads", "uploading", "uploaded"),
        ("transfer", "transfers", "transferring", "transferred"),
        ("query", "queries"),
        ("drop", "drops", "dropping", "dropped"),
        ("latency", "latencies"),
        ("achieve", "achieves", "achieved", "achieving"),
        ("image", "images"),
    ],
)
def test_forms_of_a_word_share_a_stem(forms: tuple[str, ...]) -> None:
    """The vocabulary needs one form of a word only."""
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize("word", ["loss", "dns", "ms", "ping", "bus", "less", "string"])
def test_an_ending_that_is_none_stays(word: str) -> None:
    """Short words and double s are no plurals."""
    assert stem(word) == word


def test_hyphens_underscores_and_case_do_not_matter() -> None:
    """TIME_WAIT, time-wait and "time wait" are one."""
    assert stems("TIME_WAIT") == stems("time-wait") == stems("Time  wait") == [stem("time"), stem("wait")]


@pytest.mark.parametrize(
    ("text", "plain"),
    [("I/O", "io"), ("disk I/O-bound", "disk io bound"), ("a + b", "a and b"), ("c++", "c")],
)
def test_signs_that_stand_for_words_are_read(text: str, plain: str) -> None:
    """The "I" of I/O is not the user, and "+" between two words joins them."""
    assert stems(text) == stems(plain)


def test_apostrophes_do_not_split_a_word() -> None:
    """Both kinds of apostrophe are dropped: don't is one word."""
    assert stems("don't") == stems("don\u2019t") == ["dont"]


def test_punctuation_and_break_words_begin_a_clause() -> None:
    """A comma ends what a negation can reach, and so does "but"."""
    clauses = [word.clause for word in split("throughput, not latency but speed", {"but"})]

    assert clauses == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("througput", "throughput"),
        ("latancy", "latency"),
        ("conection", "connection"),
        ("datagrm", "datagram"),
    ],
)
def test_a_slip_is_read_as_the_nearest_word(written: str, meant: str) -> None:
    """One wrong, missing or doubled letter in a word of some length."""
    assert nearest(stem(written), {"throughput", "latency", "connection", "datagram"}) == meant


@pytest.mark.parametrize(
    "written", ["steam", "post", "dream", "port", "bull", "ransfer", "complain", "12345", "Übertragung"]
)
def test_another_word_is_not_a_slip(written: str) -> None:
    """Short words, other first letters and words that are merely similar stay what they are."""
    assert nearest(written, {"transfer", "bulk", "burst", "ports", "cream", "udp", "compil"}) is None


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_split(text: str) -> None:
    """Whatever is typed, words come out non-empty and clauses only grow."""
    found = list(split(text))

    assert all(word.stem and word.written for word in found)
    assert [word.clause for word in found] == sorted(word.clause for word in found)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(categories=["Ll"]), min_size=1, max_size=30))
def test_a_stem_is_never_empty(word: str) -> None:
    """No ending is cut off to nothing."""
    assert stem(word)
