import shutil
from collections import Counter
from pathlib import Path

import pytest

from kerntune.catalog import load
from kerntune.errors import InputError, PlanError
from kerntune.planners import rulebook
from kerntune.planners.rulebook import Rulebook
from kerntune.planners.rules import Rules
from kerntune.planners.words import split

OURS = Path(rulebook.__file__).parent
BOOTING = """
summary = "starting the machine"
example = "shorter boot time of a server"
rank = 5
replaces = ["booting"]
target = "host"
knobs = [
    { knob = "net.core.somaxconn", reason = "many clients connect at once" },
    { knob = "net.ipv4.tcp_max_syn_backlog", reason = "many clients connect at once" },
    { knob = "net.ipv4.tcp_slow_start_after_idle", reason = "pools keep idle connections" },
]
hints = [
    { config = { "net.core.somaxconn" = 8192 }, reason = "a start" },
    { config = { "net.core.somaxconn" = 65535 }, reason = "another" },
]
[vocabulary]
certain = ["boot time"]
[workload]
name = "boots"
[[objectives]]
metric = "boots"
direction = "maximize"
[budget]
trials = 10
time_s = 600.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(OURS, tmp_path / "rules", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    )


def test_a_new_workload_is_one_new_file(folder: Path) -> None:
    """One TOML file more, and a sentence that got "not yet" gets a plan; nothing else changes."""
    goal = "shorter boot time"
    with pytest.raises(InputError, match="registered yet"):
        Rules(load(), Rulebook.load(folder)).plan(goal)

    (folder / "intents" / "boot.toml").write_text(BOOTING)
    plan = Rules(load(), Rulebook.load(folder)).plan(goal)

    assert plan.workload.name == "boots"
    assert "booting" not in Rulebook.load(folder).subjects
    assert plan.picks[0].source == load().knobs["net.core.somaxconn"].source


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("rank = 5", 'rank = "first"', "rank"),
        ("trials = 10", "trials = 0", "budget.trials"),
        ('direction = "maximize"', 'direction = "up"', "objectives.0.direction"),
        ("rank = 5", "rank = 5\ncolour = 3", "colour"),
        ('{ "net.core.somaxconn" = 8192 }', '{ "net.core.somaxcon" = 8192 }', "somaxcon"),
        ("net.ipv4.tcp_max_syn_backlog", "net.core.somaxconn", "named twice"),
        ('metric = "boots"', 'metric = "boots"\nwhen = ["always"]', "without `when`"),
    ],
)
def test_a_faulty_file_is_refused_by_name(folder: Path, old: str, new: str, field: str) -> None:
    """The file and the field are named."""
    (folder / "intents" / "boot.toml").write_text(BOOTING.replace(old, new, 1))

    with pytest.raises(PlanError, match=r"boot\.toml") as caught:
        Rulebook.load(folder)

    assert field in str(caught.value)


def test_all_faults_of_a_file_are_named_at_once(folder: Path) -> None:
    """Two wrong fields are two faults, not one after the other."""
    text = BOOTING.replace("rank = 5", 'rank = "first"').replace("trials = 10", "trials = 0")
    (folder / "intents" / "boot.toml").write_text(text)

    with pytest.raises(PlanError) as caught:
        Rulebook.load(folder)

    assert {fault.field for fault in caught.value.faults} == {"rank", "budget.trials"}


def test_a_file_that_is_not_toml_is_refused_by_name(folder: Path) -> None:
    """Not a traceback of the parser."""
    (folder / "intents" / "boot.toml").write_text("rank = = 5")

    with pytest.raises(PlanError, match=r"boot\.toml"):
        Rulebook.load(folder)


def test_no_phrase_stands_at_two_levels_of_one_intent() -> None:
    """A phrase that is both likely and possible would count as whichever comes last."""
    for name, intent in Rulebook.load().intents.items():
        vocabulary = intent.vocabulary
        levels = (*vocabulary.certain, *vocabulary.likely, *vocabulary.possible, *vocabulary.against)
        twice = [phrase for phrase, count in Counter(levels).items() if count > 1]

        assert twice == [], name


def test_every_trouble_is_a_phrase_of_its_intent() -> None:
    """A trouble that is in no level would do nothing."""
    for name, intent in Rulebook.load().intents.items():
        strangers = set(intent.vocabulary.troubles) - set(intent.vocabulary.weights())

        assert strangers == set(), name


def test_every_example_gets_its_own_plan() -> None:
    """The sentences that errors offer are understood, each as what it stands for."""
    planner = Rules(load())
    for name, intent in Rulebook.load().intents.items():
        assert planner.plan(intent.example).workload.name == intent.workload.name
        assert planner.explain(intent.example)[0].intent == name


def test_no_phrase_collapses_into_a_single_word() -> None:
    """When fillers are dropped, "out of ports" must not become "port" and weigh as much."""
    book = Rulebook.load()
    fillers = set(book.language.fillers)
    for name, intent in book.intents.items():
        for phrase in intent.vocabulary.weights():
            left = [word for word in split(phrase) if word.written not in fillers]

            assert len(left) > 1 or len(list(split(phrase))) == 1, f"{name}: {phrase}"


def test_no_two_phrases_of_an_intent_are_one_after_stemming() -> None:
    """If "stream" and "streaming" stood at two levels they would count as whichever comes last."""
    book = Rulebook.load()
    fillers = set(book.language.fillers)
    for name, intent in book.intents.items():
        seen: dict[tuple[str, ...], float] = {}
        for phrase, points in intent.vocabulary.weights().items():
            content = tuple(word.stem for word in split(phrase) if word.written not in fillers)

            assert seen.setdefault(content, points) == points, f"{name}: {phrase}"
