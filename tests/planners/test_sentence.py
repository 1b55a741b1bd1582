import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.planners.rulebook import Rulebook
from kerntune.planners.sentence import Reader


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Rulebook.load())


def phrases(reader: Reader, text: str, owner: str) -> dict[str, float]:
    return {match.phrase: match.points for match in reader.read(text).of(owner)}


def test_the_longer_phrase_takes_its_words(reader: Reader) -> None:
    """A "video upload" is about a file, though "video" alone speaks for datagrams."""
    assert phrases(reader, "video upload", "bulk_transfer") == {"video upload": 4.0}
    assert phrases(reader, "video upload", "udp_streams") == {}


def test_fillers_may_stand_inside_a_phrase(reader: Reader) -> None:
    """A "transfer of my files" is "transfer files"."""
    assert "transfer files" in phrases(reader, "transfer of my files", "bulk_transfer")


def test_a_phrase_does_not_reach_over_a_comma(reader: Reader) -> None:
    """The words "large, file" are no large file."""
    assert "large file" not in phrases(reader, "it is large, file it", "bulk_transfer")


@pytest.mark.parametrize(
    "text",
    [
        "throughput, not latency",
        "throughput instead of latency",
        "throughput rather than low latency",
        "throughput; I don't care about latency",
        "latency does not matter, throughput does",
        "throughput regardless of latency",
        "throughput at the expense of latency",
    ],
)
def test_what_is_set_aside_counts_against_its_intent(reader: Reader, text: str) -> None:
    """Every way of setting latency aside makes it negative, and leaves throughput as it is."""
    found = reader.read(text)

    assert found.points("request_latency") < 0
    assert found.points("bulk_transfer") > 0


@pytest.mark.parametrize(
    "text",
    [
        "no packet loss",
        "without lost packets",
        "stop packet drops",
        "avoid packet loss",
        "UDP without losing datagrams",
    ],
)
def test_wishing_a_trouble_away_is_a_wish(reader: Reader, text: str) -> None:
    """Nobody wants losses: "no packet loss" speaks for the same intent as "packet loss"."""
    assert reader.read(text).points("udp_streams") > 0


def test_wishing_a_thing_away_is_not(reader: Reader) -> None:
    """Wanting it "without UDP" is no wish for UDP."""
    assert reader.read("without UDP").points("udp_streams") < 0


@pytest.mark.parametrize(
    "text", ["don't optimize postgres", "do not tune postgres", "everything but postgres"]
)
def test_what_shall_not_be_tuned_is_set_aside(reader: Reader, text: str) -> None:
    """Naming a program to leave it alone speaks against it."""
    assert reader.read(text).points("database_transactions") < 0


@pytest.mark.parametrize(
    ("text", "place"),
    [("over the WAN", "netns"), ("on this machine", "host"), ("TCP on this machine", ""), ("faster", "")],
)
def test_a_place_is_read(reader: Reader, text: str, place: str) -> None:
    """Networks or this machine; with both or none the sentence does not say."""
    assert reader.read(text).place == place


@pytest.mark.parametrize("text", ["avoid upload speed degrading", "upload is not using the bandwidth"])
def test_a_complaint_is_not_a_negation(reader: Reader, text: str) -> None:
    """What goes badly is what the user cares about."""
    assert reader.read(text).points("bulk_transfer") > 0


def test_words_that_speak_against_an_intent_never_speak_for_it(reader: Reader) -> None:
    """Saying "not upload" takes "upload" from the file transfer; it gives nothing to datagrams."""
    assert reader.read("not upload").points("udp_streams") == 0


def test_a_misspelt_phrase_counts_a_little_less_and_says_so(reader: Reader) -> None:
    """The user can see which word was read as which."""
    (match,) = reader.read("througput").of("bulk_transfer")

    assert match.points == pytest.approx(0.8 * 2.0)
    assert "read from 'througput'" in str(match)


def test_a_phrase_counts_once(reader: Reader) -> None:
    """Repeating a word does not make it weigh more."""
    assert reader.read("udp udp udp").points("udp_streams") == reader.read("udp").points("udp_streams")


def test_goals_joined_by_and_are_kept_apart(reader: Reader) -> None:
    """Each part of "… and …" has its own matches."""
    found = reader.read("bulk transfers and short-lived connections")

    assert {match.part for match in found.of("bulk_transfer") if match.points > 0} == {0}
    assert {match.part for match in found.of("many_connections") if match.points > 0} == {1}


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(reader: Reader, text: str) -> None:
    """No text breaks the reader, and reading twice gives the same."""
    assert reader.read(text) == reader.read(text)
