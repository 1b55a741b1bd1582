"""The quick reader reads what the standard library reads, and leaves to it what it cannot read."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerntune.catalog import document
from kerntune.catalog.document import parse
from kerntune.catalog.loader import HOME

FILES = sorted(Path(str(HOME)).rglob("*.toml"))

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
VALUES = st.one_of(TEXTS, st.integers(), st.booleans())


def written(value: object) -> str:
    """Returns a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert isinstance(value, list)
    return f"[{', '.join(map(written, value))}]"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_catalogue_is_read_the_quick_way_and_as_the_standard_library_reads_it(file: Path) -> None:
    """Every file of ours is plain enough, and no file is read differently."""
    text = file.read_text(encoding="utf-8")

    assert document._parsed(text) == tomllib.loads(text)  # parse would fall back


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), VALUES | st.lists(VALUES, max_size=3)), max_size=6))
def test_plain_lines_mean_the_same(lines: list[tuple[str, object]]) -> None:
    """Whatever the values hold; a key given twice is refused by both."""
    text = "".join(f"{key} = {written(value)}\n" for key, value in lines)
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(tomllib.TOMLDecodeError):
            parse(text)
        return

    assert parse(text) == expected


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                "[a]", "[b]", "[[k]]", "[[k.m]]", "[[x.m]]", "a = 1", "b = [1, 2]", "c = [1,]", "d = 0x1f",
                'e = "#"  # c', "f = { g = 1 }", '"q.r" = { s = ["t"], u = "v = [" }', "w = 'y'", "k = 3",
                "# note", "", "z", "n = 1_000", "o = 1.5", "p.q = 1", " i = 1", "j = 01", 'l = "\\u00e9"',
            ]
        ),
        max_size=8,
    )
)  # fmt: skip
@example(["[[k]]", "a = 1", "[[k.m]]", "a = 2", "[[k]]", "[[k.m]]"])
@example(["[a]", "[a]"])
@example(["k = 3", "[[k]]"])
def test_any_document_is_read_as_the_standard_library_reads_it(lines: list[str]) -> None:
    """Other values, dotted keys, tables given twice: the same result, or the same refusal."""
    text = "\n".join(lines)
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(tomllib.TOMLDecodeError):
            parse(text)
        return

    assert parse(text) == expected
