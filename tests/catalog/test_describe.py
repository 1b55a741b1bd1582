"""What the catalogue says of itself, and that the reference page is what it says today."""

from pathlib import Path

from kerntune.catalog import default_text, domain_text, facts, load, page, rows
from kerntune.model.knob import Absence, AbsenceReason

CATALOG = load()
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "knobs.md"


def test_the_reference_page_is_current() -> None:
    """Make it anew with `python -m kerntune.catalog > docs/reference/knobs.md`."""
    assert PAGE.read_text(encoding="utf-8") == page(CATALOG)


def test_the_page_names_everything() -> None:
    """Every knob, every danger, everything that is gone; tables keep their columns."""
    text = page(CATALOG)

    for name in (*CATALOG.knobs, *(danger.name for danger in CATALOG.dangers if danger.policy == "never")):
        assert f"`{name}`" in text
    for gone in CATALOG.vanished:
        assert f"`{gone.name}`" in text
    assert all(line.count("|") in (0, 4, 8) for line in text.splitlines())


def test_a_row_tells_the_value_or_why_there_is_none() -> None:
    """Without a target neither is known."""
    why = Absence(AbsenceReason.MODULE, "nf_conntrack is not loaded")
    readings = {"net.core.somaxconn": 4096, "net.netfilter.nf_conntrack_udp_timeout": why}
    told = {row.knob.name: row for row in rows(CATALOG, readings)}

    assert len(told) == len(CATALOG.knobs)
    assert told["net.core.somaxconn"].present == 4096
    assert told["net.netfilter.nf_conntrack_udp_timeout"].absence == why
    assert (told["net.core.txrehash"].present, told["net.core.txrehash"].absence) == (None, None)
    assert [row.knob.name for row in rows(CATALOG, text="somaxconn")] == ["net.core.somaxconn"]


def test_one_knob_tells_its_limits_in_words() -> None:
    """Domain, direction, constraints, what to be careful about, and the source."""
    told = dict(facts(CATALOG, CATALOG.knobs["net.ipv4.tcp_max_tw_buckets"]))
    assert "never below the present value" in told["values"]
    assert told["default"] == "scaled with memory"

    told = dict(facts(CATALOG, CATALOG.knobs["net.ipv4.tcp_retries2"]))
    assert "logins" in told["careful"]
    assert told["source"] == "Documentation/networking/ip-sysctl.rst"
    assert all(told.values())

    control = CATALOG.knobs["net.ipv4.tcp_congestion_control"]
    assert "as far as the target offers them" in domain_text(control)
    assert default_text(control).startswith("cubic; ")
