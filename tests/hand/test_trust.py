"""As root only from files that only root can change."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import kerntune
from kerntune.errors import HandError
from kerntune.hand import trust
from kerntune.hand.client import Hand

NOBODY = 65534
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def tree(tmp_path):
    """A folder and a file of root's, and a link to it."""
    folder = tmp_path / "opt/kerntune"
    folder.mkdir(parents=True)
    (folder / "hand.py").write_text("")
    (tmp_path / "link").symlink_to(folder / "hand.py")
    return tmp_path


@pytest.mark.root
@is_root
def test_roots_files_are_trusted(tree):
    """Also below /tmp, where everybody may write but nobody can remove what is root's."""
    trust.check([tree / "opt/kerntune/hand.py", tree / "link"])


@pytest.mark.root
@is_root
@pytest.mark.parametrize("name", ["opt", "opt/kerntune", "opt/kerntune/hand.py"])
@pytest.mark.parametrize("how", ["owner", "world", "group"])
@pytest.mark.parametrize("path", ["opt/kerntune/hand.py", "link"])
def test_what_others_can_change_is_not(tree, name, how, path):
    """A file, or any folder on the way to it, by owner or by mode, also by way of a link."""
    if how == "owner":
        os.chown(tree / name, NOBODY, 0)
    else:
        os.chown(tree / name, 0, NOBODY)
        (tree / name).chmod(0o777 if how == "world" else 0o775)

    with pytest.raises(HandError) as caught:
        trust.check([tree / path])

    assert caught.value.kind == "trust"
    assert str(tree / name) in str(caught.value)
    assert "chown root" in caught.value.hint


@pytest.mark.root
@is_root
def test_a_file_with_an_access_list_is_not(tree):
    """Its mode shows the list's mask: root's own group seems to be the one that may write."""
    hand = tree / "opt/kerntune/hand.py"
    owner, user, group, mask, other = (
        (0x01, 6, -1),
        (0x02, 6, 12345),
        (0x04, 4, -1),
        (0x10, 6, -1),
        (0x20, 4, -1),
    )
    entries = b"".join(
        struct.pack("<HHI", tag, perm, who & 0xFFFFFFFF)
        for tag, perm, who in (owner, user, group, mask, other)
    )
    try:
        os.setxattr(hand, trust.ACCESS_LIST, struct.pack("<I", 2) + entries)
    except OSError as error:
        pytest.skip(f"no access lists here: {error.strerror}")
    assert hand.stat().st_mode & 0o777 == 0o664

    with pytest.raises(HandError, match="access list"):
        trust.check([hand])


@pytest.mark.root
@is_root
def test_somebody_elses_link_is_not(tree):
    """It leads to a file of root's today."""
    os.chown(tree / "link", NOBODY, NOBODY, follow_symlinks=False)

    with pytest.raises(HandError, match="it belongs to user 65534"):
        trust.check([tree / "link"])


@pytest.mark.root
@is_root
def test_links_in_a_ring_are_not(tmp_path):
    """Nobody knows where they lead."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with pytest.raises(HandError, match="too many links"):
        trust.check([tmp_path / "a"])


def test_what_the_program_is_made_of_is_all_looked_at():
    """The interpreter, its modules, the catalogue."""
    found = {Path(path) for path in trust.loaded()}

    package = Path(kerntune.__file__).parent
    wanted = {Path(sys.executable), package / "hand/trust.py", package / "catalog/dangers.toml"}
    assert wanted <= found
    assert any(path.parent.name == "knobs" for path in found)


def started(package_folder, journal):
    """Runs the hand of a copied tree as `python -m` does, with an empty request."""
    line = f"import sys; sys.path.insert(0, {str(package_folder)!r})\n"
    line += "from kerntune.hand.program import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-I", "-c", line, "--journal", str(journal)]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.root
@is_root
@pytest.mark.parametrize("name", ["", "hand/panel.py", "catalog/knobs", "catalog/dangers.toml", "model"])
def test_a_copy_that_others_can_write_does_not_run(tmp_path, name):
    """The whole program: it says which file, and changes nothing."""
    copy = tmp_path / "lib/kerntune"
    shutil.copytree(Path(kerntune.__file__).parent, copy)
    assert started(tmp_path / "lib", tmp_path / "journal").returncode == 0

    (copy / name).chmod(0o777)
    found = started(tmp_path / "lib", tmp_path / "journal")

    assert found.returncode == 3
    assert '"kind":"trust"' in found.stdout
    assert str(copy / name) in found.stdout
    assert not list((tmp_path / "journal").iterdir())


@pytest.mark.root
@is_root
def test_the_client_is_told(tmp_path):
    """The error of the start is the hand's own."""
    bad = tmp_path / "hand"
    bad.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c \'import sys; sys.path.insert(0, "{tmp_path}");'
        'from kerntune.hand.program import main; main(sys.argv[1:])\' "$@"\n'
    )
    bad.chmod(0o755)
    (tmp_path / "lib").mkdir()
    tmp_path.chmod(0o777)

    with pytest.raises(HandError, match="will not run as root from") as caught:
        Hand.spawn(tmp_path / "journal", program=bad)

    assert caught.value.kind == "trust"
