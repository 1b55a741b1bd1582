"""Loading: what the catalogue holds, how names are found, and that all faults of its files show at once."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.catalog import Catalog, load
from kerntune.catalog.loader import HOME
from kerntune.catalog.mark import is_device
from kerntune.errors import KerntuneBug
from kerntune.model.knob import Choice, Range, Risk, Rollback, Scope

CATALOG = load()

GOOD = """
[defaults]
source = "a page"
subsystem = "net.test"
meaning = "does a thing"
risk = "R1"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A catalogue with nothing in it."""
    (tmp_path / "knobs").mkdir()
    for name in ("constraints", "dangers", "vanished"):
        (tmp_path / f"{name}.toml").write_text("")
    return tmp_path


def fault_fields(home: Path) -> list[str]:
    """Returns the fields of all faults that loading a folder names."""
    with pytest.raises(KerntuneBug) as caught:
        load(home)
    return [
        line.split(": ")[0].strip() + ": " + line.split(": ")[1]
        for line in str(caught.value).splitlines()[1:]
    ]


def write(home: Path, text: str) -> None:
    (home / "knobs" / "test.toml").write_text(GOOD + text)


def test_every_knob_is_of_a_risk_that_may_be_tuned() -> None:
    """R3 and R4 are for the danger list; each knob has a meaning and a page of the kernel's documentation."""
    for knob in CATALOG.knobs.values():
        assert knob.risk in (Risk.R0, Risk.R1, Risk.R2)
        assert re.fullmatch(r"Documentation/([\w/-]+\.rst|ABI/[\w/-]+)|[a-z]+/[\w/-]+\.c", knob.source), (
            knob.name
        )
        assert len(knob.meaning) > 20, knob.name
        assert knob.since, knob.name
        assert knob.path.startswith({"sysctl": "/proc/sys/", "sysfs": "/sys/"}[knob.kind]), knob.name


def test_the_catalogue_is_as_large_as_it_was_meant_to_be() -> None:
    """At least 220 runtime knobs; about 70 files of a network namespace, vectors counted once."""
    namespaced = {knob.path for knob in CATALOG.knobs.values() if knob.scope is Scope.NETNS}
    places = {knob.name.partition(".")[0] for knob in CATALOG.knobs.values()}

    assert len(CATALOG.knobs) >= 220
    assert len(namespaced) >= 70
    assert {"vm", "kernel", "fs", "net", "mm", "module", "block", "class", "cpu"} <= places


def test_only_what_a_namespace_has_for_itself_is_not_global() -> None:
    """What lies outside /proc/sys/net is the machine's: a sandbox must not take it for its own."""
    for knob in CATALOG.knobs.values():
        if not knob.path.startswith("/proc/sys/net/"):
            assert knob.scope in (Scope.GLOBAL, Scope.DEVICE), knob.name
        assert (knob.scope is Scope.DEVICE) == ("{" in knob.name), knob.name


def test_every_higher_risk_says_what_it_is() -> None:
    """Behind each `risk = "R2"` of the files stands its reason."""
    files = sorted(Path(str(HOME), "knobs").glob("*.toml"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    risky = [line for line in lines if line.startswith('risk = "R2"')]

    assert len(risky) > 50
    assert [line for line in risky if "  # " not in line] == []


def test_what_takes_its_settings_along_is_told() -> None:
    """Knobs whose value returns and whose state does not say so."""
    for one in CATALOG.one_way:
        known = CATALOG.find(one.name.replace("*", "vda"))
        assert known is None or known.rollback is not Rollback.EXACT, one.name


def test_no_knob_is_a_danger() -> None:
    """Nothing that may be tuned is on the list of what is never written, under its name or its path."""
    tuned = [
        knob for knob in CATALOG.knobs.values() if CATALOG.danger(knob.name) or CATALOG.danger(knob.path)
    ]

    assert tuned == []


@pytest.mark.parametrize(
    "name",
    [
        "kernel.modules_disabled",
        "vm.drop_caches",
        "net.ipv4.tcp_syncookies",
        "net.ipv6.conf.eth0.disable_ipv6",
        "/sys/block/nvme0n1/queue/write_cache",
        "/sys/kernel/debug/sched/features",
        "/proc/sysrq-trigger",
        "/sys/devices/system/cpu/cpu3/online",
    ],
)
def test_dangers_are_found_by_name_path_and_pattern(name: str) -> None:
    """The danger list answers to names, paths and patterns."""
    assert CATALOG.danger(name) is not None


def test_guarded_names_are_not_refused_but_known() -> None:
    """What may be written within narrow limits has its reason elsewhere."""
    assert CATALOG.danger("net.ipv4.tcp_retries2") is None
    assert CATALOG.guard("net.ipv4.tcp_retries2") is not None
    assert len([danger for danger in CATALOG.dangers if danger.policy == "guarded"]) == 27


def test_members_of_a_file_come_in_its_order() -> None:
    """The hand writes the whole file, so every member knows its place."""
    largest = CATALOG.knobs["net.ipv4.tcp_rmem:max"]

    assert [knob.name for knob in CATALOG.siblings(largest)] == [
        "net.ipv4.tcp_rmem:min",
        "net.ipv4.tcp_rmem:default",
        "net.ipv4.tcp_rmem:max",
    ]
    assert [knob.member for knob in CATALOG.siblings(largest)] == [0, 1, 2]
    assert CATALOG.siblings(CATALOG.knobs["net.core.somaxconn"]) == (CATALOG.knobs["net.core.somaxconn"],)


@pytest.mark.parametrize("device", ["eth0", "eth0.100", "wlp0s20f3", "veth@1", "a"])
def test_a_device_is_filled_in(device: str) -> None:
    """The template's name and path get the device, dots in it included."""
    knob = CATALOG.find(f"net.ipv4.neigh.{device}.unres_qlen_bytes")

    assert knob is not None
    assert knob.path == f"/proc/sys/net/ipv4/neigh/{device}/unres_qlen_bytes"


@pytest.mark.parametrize("device", ["all", "default", "..", ".", "", "a/b", "a b", "sixteen-letters-", "a\n"])
def test_what_is_no_device_finds_nothing(device: str) -> None:
    """Neither a path out of the folder nor the entries that reach every device."""
    assert CATALOG.find(f"net.ipv4.neigh.{device}.unres_qlen_bytes") is None


@settings(deadline=None)
@given(st.text(max_size=20))
def test_a_device_never_leaves_its_folder(name: str) -> None:
    """Whatever is taken for a device is one plain path component."""
    if is_device(name):
        assert Path("/proc/sys", name).parent == Path("/proc/sys")
        assert len(name.encode()) < 16


def test_search_wants_every_word_and_puts_names_first() -> None:
    """Words may stand in the name, the meaning, or the workloads."""
    hits = CATALOG.search("receive buffer")

    assert {"net.ipv4.tcp_rmem:max", "net.ipv4.tcp_rmem:min"} <= {knob.name for knob in hits}
    assert CATALOG.search("tcp_wmem")[0].name.startswith("net.ipv4.tcp_wmem")
    assert CATALOG.search("no such thing") == []


def test_safety_bought_with_speed_has_a_floor() -> None:
    """These are only ever raised."""
    for name in ("net.ipv4.tcp_max_tw_buckets", "net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog"):
        domain = CATALOG.knobs[name].domain
        assert isinstance(domain, Range)
        assert domain.never_below_default


def test_a_knob_is_read_with_the_defaults_of_its_file(home: Path) -> None:
    """Fields of the file hold unless the entry says otherwise; the path follows from the name."""
    first = '[[knob]]\nname = "net.test.a"\nrange = [1, 9]\n'
    write(home, first + '[[knob]]\nname = "net.test.b"\nchoice = ["x"]\nrisk = "R2"')
    catalog = load(home)

    assert catalog.knobs["net.test.a"].path == "/proc/sys/net/test/a"
    assert catalog.knobs["net.test.a"].domain == Range(1, 9)
    assert catalog.knobs["net.test.b"].domain == Choice(("x",))
    assert catalog.knobs["net.test.b"].risk is Risk.R2
    assert catalog.knobs["net.test.a"].rollback is Rollback.EXACT


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ("range = [9, 1]", "test.toml: net.test.a.range"),
        ("range = [1, 2, 3]", "test.toml: net.test.a.range"),
        ("range = [0, 9]\nlog = true", "test.toml: net.test.a.range"),
        ("range = [0, 9]\nspecial = [5]", "test.toml: net.test.a.special"),
        ('range = [0, "x"]', "test.toml: net.test.a.range"),
        ("range = [0, 9]\nchoice = [1]", "test.toml: net.test.a.range"),
        ("", "test.toml: net.test.a.range"),
        ("choice = []", "test.toml: net.test.a.choice"),
        ("choice = [1, 1]", "test.toml: net.test.a.choice"),
        ('choice = [1, "x"]', "test.toml: net.test.a.choice"),
        ("choice = [1]\nlog = true", "test.toml: net.test.a.log"),
        ("range = [0, 9]\ndefault = 10", "test.toml: net.test.a.default"),
        ("range = [0, 9]\nlgo = true", "test.toml: net.test.a.lgo"),
        ('range = [0, 9]\nlog = "yes"', "test.toml: net.test.a.log"),
        ('range = [0, 9]\nrisk = "R9"', "test.toml: net.test.a.risk"),
        ('range = [0, 9]\nrisk = "R4"', "test.toml: net.test.a.risk"),
        ('range = [0, 9]\nmeaning = ""', "test.toml: net.test.a.meaning"),
        ("range = [0, 9]\nworkloads = [1]", "test.toml: net.test.a.workloads"),
        ('choice = ["x"]\nchoices_from = ["net.test.none"]', "knobs: net.test.a.choices_from"),
        ('range = [0, 9]\nscope = "device"', "knobs: net.test.a.name"),
        ('[[knob.member]]\nname = "m"\nrange = [2, 1]', "test.toml: net.test.a:m.range"),
        ('[[knob.member]]\nname = "m"\nrange = [1, 2]\nrisk = "R0"', "test.toml: net.test.a:m.risk"),
        ("range = [0, 9]\nmay_block = 1", "test.toml: net.test.a.may_block"),
        ('range = [0, 9]\ninert_when = "no swap"', "test.toml: net.test.a.inert_when"),
        ("range = [0, 9]\ndefault = true", "test.toml: net.test.a.default"),
        ("range = [0, 9]\nunit = 3", "test.toml: net.test.a.unit"),
        ("range = [0, 9]\nmember = [1]", "test.toml: net.test.a.member"),
        ("range = 9", "test.toml: net.test.a.range"),
        (2 * '[[knob.member]]\nname = "m"\nrange = [1, 2]\n', "test.toml: net.test.a.member"),
    ],
)
def test_each_fault_of_an_entry_is_named(home: Path, entry: str, field: str) -> None:
    """File, knob and field are named."""
    write(home, f'[[knob]]\nname = "net.test.a"\n{entry}\n')

    assert field in fault_fields(home)


def test_all_faults_of_all_files_are_named_at_once(home: Path) -> None:
    """Correcting a catalogue takes one round, not one for each fault."""
    write(
        home,
        '[[knob]]\nname = "net.test.a"\nrange = [9, 1]\n[[knob]]\nname = "net.test.a"\nrange = [1, 2]\nx = 1',
    )
    (home / "knobs" / "broken.toml").write_text("[[")
    (home / "constraints.toml").write_text(
        '[[constraint]]\nkind = "odd"\nknobs = ["net.test.a", "net.test.z"]'
    )
    (home / "dangers.toml").write_text(
        '[never]\n"net.test.a" = { class = ["hang"], reason = "hangs" }\n"b" = 1'
    )
    (home / "vanished.toml").write_text('[[vanished]]\nname = "c"')
    fields = fault_fields(home)

    assert set(fields) == {
        "test.toml: net.test.a.range",
        "test.toml: net.test.a.name",
        "test.toml: net.test.a.x",
        "broken.toml: cannot be read",
        "constraints.toml: constraint[0].kind",
        "constraints.toml: constraint[0].reason",
        "dangers.toml: never.b",
        "vanished.toml: vanished[0].release",
        "vanished.toml: vanished[0].instead",
        "knobs: net.test.a",
    }


def test_a_constraint_names_only_knobs_of_the_catalogue(home: Path) -> None:
    """A constraint over an unknown knob would never be checked."""
    write(home, '[[knob]]\nname = "net.test.a"\nrange = [1, 9]')
    text = '[[constraint]]\nkind = "order"\nreason = "so"\nknobs = ["net.test.a", "net.test.z"]'
    (home / "constraints.toml").write_text(text)

    assert fault_fields(home) == ["constraints.toml: constraint[0].knobs"]


@pytest.mark.parametrize(
    ("file", "text", "field"),
    [
        ("knobs/test.toml", "defaults = 1", "test.toml.defaults"),
        ("knobs/test.toml", "knob = 1", "test.toml.knob"),
        ("knobs/test.toml", "knob = [1]", "test.toml.knob"),
        ("knobs/test.toml", "knbo = []", "test.toml.knbo"),
        ("constraints.toml", "constraint = 1", "constraints.toml.constraint"),
        ("dangers.toml", "never = 1", "dangers.toml: never"),
        ("dangers.toml", '[one_way]\n"a" = 1', "dangers.toml: one_way.a"),
        ("vanished.toml", "gone = []", "vanished.toml.gone"),
    ],
)
def test_a_file_of_another_shape_is_a_fault(home: Path, file: str, text: str, field: str) -> None:
    """Tables and lists are where they belong."""
    (home / file).write_text(text)

    assert fault_fields(home)[0].startswith(f"{field}: ") or fault_fields(home) == [field]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('kind = "order"\nknobs = ["net.test.a", "net.test.a"]', "knobs"),
        ('kind = "requires"\nknobs = ["net.test.a", "net.test.b"]', "values"),
        ('kind = "order"\nvalues = [1]\nknobs = ["net.test.a", "net.test.b"]', "values"),
    ],
)
def test_a_constraint_says_what_it_needs(home: Path, text: str, field: str) -> None:
    """Two knobs at least, and values where and only where they mean something."""
    write(home, "".join(f'[[knob]]\nname = "net.test.{name}"\nrange = [1, 9]\n' for name in "ab"))
    (home / "constraints.toml").write_text(f'[[constraint]]\nreason = "so"\n{text}')

    assert fault_fields(home) == [f"constraints.toml: constraint[0].{field}"]


def test_a_missing_file_is_a_fault(home: Path) -> None:
    """A catalogue without its danger list is not loaded."""
    (home / "dangers.toml").unlink()

    assert fault_fields(home) == ["dangers.toml: cannot be read"]


def test_the_catalogue_cannot_be_changed() -> None:
    """It is shared by everybody who loads it."""
    catalog: Catalog = load()
    with pytest.raises(TypeError):
        catalog.knobs["x"] = catalog.knobs["net.core.somaxconn"]  # type: ignore[index]


def test_a_template_needs_its_mark_in_name_path_and_scope(home: Path) -> None:
    """Else a plan could name a device and another one's file would be written."""
    good = 'range = [0, 9]\nkind = "sysfs"\n'
    write(
        home,
        f'[[knob]]\nname = "t.{{disk}}.a"\n{good}scope = "device"\npath = "/sys/{{device}}/a"\n'
        f'[[knob]]\nname = "t.{{disk}}.b"\n{good}path = "/sys/{{disk}}/b"\n',
    )

    assert fault_fields(home) == ["knobs: t.{disk}.a.path", "knobs: t.{disk}.b.path"]


def test_a_rule_of_disturbance_and_what_makes_a_knob_inert_are_read(home: Path) -> None:
    """The first knob is the one that disturbs."""
    entries = (
        f'[[knob]]\nname = "net.test.{name}"\nrange = [1, 9]\ninert_when = ["no swap"]' for name in "ab"
    )
    write(home, "\n".join(entries))
    (home / "constraints.toml").write_text(
        '[[constraint]]\nkind = "disturbs"\nreason = "so"\nknobs = ["net.test.b", "net.test.a"]'
    )
    catalog = load(home)

    assert catalog.knobs["net.test.a"].inert_when == ("no swap",)
    assert [(rule.kind, rule.knobs) for rule in catalog.constraints] == [
        ("disturbs", ("net.test.b", "net.test.a"))
    ]


def test_files_that_are_not_plain_are_read_by_the_standard_library(home: Path) -> None:
    """Slower, and the same; a broken one is named with what is wrong."""
    write(home, "[[knob]]\nname = 'net.test.a'\nrange = [\n  1,\n  9,\n]")
    assert load(home).knobs["net.test.a"].domain == Range(1, 9)

    write(home, '[[knob]]\nname = "net.test.a')
    with pytest.raises(KerntuneBug, match="Unterminated string"):
        load(home)
