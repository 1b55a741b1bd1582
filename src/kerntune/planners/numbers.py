"""Numbers: reads the link out of a sentence ("10 Gbit/s", "150 ms round trip", "1% loss").

Only numbers that plainly describe the link are taken: "p99 under 20 ms" is a wish, "only 90 Mbit/s" is what
the user sees today, "40 GB" is a size.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NUMBER = r"(?<![\w.,])(?P<number>\d{1,6}(?:[.,]\d{1,3})?)[\s-]?"
PER_SECOND = r"(?:\s?/\s?s(?:ec)?\b|\s?per\s(?:second|sec)\b|ps\b)"
CARRIER = r"(?=\s(?:link|line|path|network|ethernet|pipe|connection)\b)"
RATE = re.compile(
    NUMBER
    + r"(?P<scale>[kmgKMG])(?:"
    + rf"(?P<bytes>i?B{PER_SECOND}|bytes?{PER_SECOND})"
    + rf"|bits?{PER_SECOND}?(?!\w)|b{PER_SECOND}|(?:iga|ega)bits?{PER_SECOND}?|bE\b|{CARRIER})"
)
TIME = re.compile(NUMBER + r"(?P<unit>ms|msec|milliseconds?|s|seconds?)\b", re.IGNORECASE)
PERCENT = r"(?:%|per\s?cent)"
LOSS = re.compile(
    NUMBER + PERCENT + r"\s?(?:of )?(?:the )?(?:packets? |segments? )?(?:are |is )?(?:loss|lost|drop)",
    re.IGNORECASE,
)
LOSS_OF = re.compile(r"loss(?: rate)?(?: of| is| at| about)? " + NUMBER + PERCENT, re.IGNORECASE)

SEEN_TODAY = re.compile(
    r"\b(?:only|gets?|reach(?:es)?|just|sees?|achieves?|stuck at|tops out at)\W+$", re.IGNORECASE
)
WISH = re.compile(
    r"(?:\b(?:under|below|than|within|most|every|after|timeouts?|target|goal|to|p\d\d)|<)"
    r"(?: of| is| at)?\W*$",
    re.IGNORECASE,
)
PATH_BEFORE = re.compile(
    r"\b(?:round.trips?|rtt|ping|delay|distance|with|over|path|link|line)"
    r"(?: (?:time|of|is|about|around|a|an|the|from))*\W*$",
    re.IGNORECASE,
)
ROUND_TRIP = re.compile(
    r"\W*(?:of )?(?:round.trips?|rtt|ping|one.way|each way|latency|delay|away|apart)(?: (?:time|delay))?",
    re.IGNORECASE,
)
PATH_AFTER = re.compile(r"\W*(?:path|link|line|distance|network|in each direction)", re.IGNORECASE)
ONE_WAY = re.compile(r"\W*(?:delay )?(?:one.way|each way|in each direction)", re.IGNORECASE)
IN_MBIT = {"k": 1e-3, "m": 1.0, "g": 1e3}


@dataclass(frozen=True, slots=True)
class Number:
    """A number that describes the link: the target option it sets, its value, and where it stands.

    `option` is `rate_mbit` (Mbit/s), `rtt_ms` (milliseconds there and back) or `loss` (a fraction).
    """

    option: str
    value: float
    written: str
    start: int
    end: int


def read(text: str) -> tuple[Number, ...]:
    """Returns the link's numbers, at most one of a kind: the largest rate, the first of the others."""
    rates = sorted(_rates(text), key=lambda number: -number.value)
    return (*rates[:1], *list(_times(text))[:1], *list(_losses(text))[:1])


def without(text: str, numbers: Sequence[Number]) -> str:
    """Returns the text with delay and loss of the path blanked out: "1% loss" is no wish about losses."""
    for number in numbers:
        if number.option != "rate_mbit":
            text = text[: number.start] + " " * (number.end - number.start) + text[number.end :]
    return text


def _rates(text: str) -> Iterator[Number]:
    for found in RATE.finditer(text):
        if not SEEN_TODAY.search(text[: found.start()]):
            bits = 8.0 if found["bytes"] else 1.0
            yield _number("rate_mbit", bits * IN_MBIT[found["scale"].lower()], found)


def _times(text: str) -> Iterator[Number]:
    for found in TIME.finditer(text):
        before, after = text[: found.start()], text[found.end() :]
        round_trip = ROUND_TRIP.match(after)
        of_path = round_trip or PATH_AFTER.match(after) or PATH_BEFORE.search(before)
        if not of_path or WISH.search(before):
            continue
        unit_ms = 1.0 if found["unit"].lower().startswith("m") else 1000.0
        ways = 2.0 if ONE_WAY.match(after) else 1.0
        yield _number("rtt_ms", unit_ms * ways, found, round_trip.end() if round_trip else 0)


def _losses(text: str) -> Iterator[Number]:
    for pattern in (LOSS, LOSS_OF):
        for found in pattern.finditer(text):
            yield _number("loss", 0.01, found)


def _number(option: str, unit: float, found: re.Match[str], more: int = 0) -> Number:
    digits = re.sub(r",(?=\d{3}$)", "", found["number"]).replace(",", ".")
    value = round(float(digits) * unit, 9)
    return Number(option, value, found.group().strip(), found.start(), found.end() + more)
