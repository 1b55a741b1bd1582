"""Files of /sys, on plain files of the same names and on this machine's own."""

import errno
from dataclasses import replace

import pytest

from kerntune.hand.kinds.sysfs import Sysfs
from kerntune.model.knob import Choice, Knob, Risk, Rollback, Scope

PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"


@pytest.fixture
def pages():
    domain = Choice(("always", "madvise", "never"))
    facts = {"meaning": "-", "source": "-", "subsystem": "-"}
    return Knob("mm.thp", "sysfs", PAGES, domain, Scope.GLOBAL, Risk.R1, Rollback.EXACT, **facts)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kernel/mm/transparent_hugepage/enabled"
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("always [madvise] never\n", ("madvise",)),
        ("[none]\n", ("none",)),
        ("none mq-deadline kyber [bfq] \n", ("bfq",)),
        ("128\n", ("128",)),
        ("Y\n", ("Y",)),
        ("1\t2\n", ("1", "2")),
        ("", ()),
    ],
)
def test_the_chosen_word_is_read(tmp_path, file, pages, text, words):
    """Of a list with brackets the word in them; of anything else what is there."""
    file.write_text(text)

    assert Sysfs(tmp_path).read(pages) == words


def test_a_read_only_knob_is_read_for_what_may_be_chosen(tmp_path, file, pages):
    """It bounds the choice of another on this machine."""
    file.write_text("none [mq-deadline] bfq\n")

    assert Sysfs(tmp_path).read(replace(pages, read_only=True)) == ("none", "mq-deadline", "bfq")


def test_the_bare_word_is_written(tmp_path, file, pages):
    """Without brackets, in one line."""
    file.write_text("")

    Sysfs(tmp_path).write(pages, ("never",))

    assert file.read_text() == "never\n"


@pytest.mark.parametrize(
    "path", ["/sys/../etc/passwd", "/proc/sys/vm/swappiness", "/sys/block/{disk}/queue/x", "/system/x"]
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path, pages, path):
    """Even a wrong catalogue does not lead out of /sys."""
    for attempt in (Sysfs(tmp_path).read, Sysfs(tmp_path).check_writable):
        with pytest.raises(OSError, match="not a knob's path") as caught:
            attempt(replace(pages, path=path))
        assert caught.value.errno == errno.EPERM


def test_a_file_is_never_made(tmp_path, file, pages):
    """A knob this kernel lacks must not appear as a file of ours."""
    with pytest.raises(FileNotFoundError):
        Sysfs(tmp_path).write(pages, ("never",))

    assert not file.exists()


def test_this_machines_own_list_gives_one_word(pages):
    """The kernel's real file, where it has one."""
    try:
        words = Sysfs().read(pages)
    except FileNotFoundError:
        pytest.skip("this kernel has no transparent huge pages")

    assert len(words) == 1
    assert words[0] in ("always", "madvise", "never")
