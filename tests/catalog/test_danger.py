"""Dangers: what fits which pattern, and that spelling does not get round them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerntune.catalog.danger import Danger, find_danger, fits, plain_name

LETTERS = st.text("ab.", max_size=8)


@given(st.lists(LETTERS, min_size=1, max_size=4), st.lists(LETTERS, min_size=3, max_size=3))
def test_a_pattern_fits_whatever_stands_for_its_stars(parts: list[str], fillings: list[str]) -> None:
    """Filling each star with any text gives a text that the pattern fits."""
    text = parts[0] + "".join(fill + part for fill, part in zip(fillings, parts[1:], strict=False))

    assert fits(text, "*".join(parts))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("net.ipv4.conf.eth0.mc_forwarding", "net.ipv4.conf.*.forwarding"),
        ("net.ipv4.tcp_sack2", "net.ipv4.tcp_sack"),
        ("ab", "ab*ab"),
        ("aXb", "a*Y*b"),
        ("ab", "a*b*b"),
    ],
)
def test_a_pattern_fits_no_more_than_it_says(text: str, pattern: str) -> None:
    """Parts may not overlap, and the ends are fixed."""
    assert not fits(text, pattern)


@pytest.mark.parametrize(
    "spelling",
    [
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_mem:max",
        "net/ipv4/tcp_mem",
        "/proc/sys/net/ipv4/tcp_mem",
        "//proc/sys/net/ipv4/../ipv4//tcp_mem",
        " net.ipv4.tcp_mem ",
    ],
)
def test_every_spelling_of_a_name_finds_its_danger(spelling: str) -> None:
    """Paths, slashes, members and detours lead to the same entry."""
    danger = Danger(
        "net.ipv4.tcp_mem", "/proc/sys/net/ipv4/tcp_mem", "never", ("network",), "stops all of TCP"
    )

    assert find_danger([danger], spelling) is danger


def test_other_paths_are_compared_as_paths() -> None:
    """A file outside /proc/sys keeps its path, with stars across folders."""
    danger = Danger("queue.write_cache", "/sys/block/*/queue/write_cache", "never", ("data",), "loses data")

    assert plain_name("/sys/block/sda/queue/write_cache") == "/sys/block/sda/queue/write_cache"
    assert find_danger([danger], "/sys/block/sda/queue/write_cache") is danger
    assert find_danger([danger], "/sys/block/sda/queue/nr_requests") is None
