"""An opened target with a short link, or a skip that says why this machine allows none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kerntune.catalog import Catalog, load
from kerntune.errors import TargetError
from kerntune.targets.netns import NetnsTarget, open_target

SHORT = {"rtt_ms": 10, "emulator": "forwarder"}


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Iterator[NetnsTarget]:
    try:
        opened = open_target(SHORT, journal_dir=tmp_path_factory.mktemp("journal"), catalog=catalog)
        with opened as target:
            yield target
    except TargetError as error:
        if "cannot make" not in str(error):
            raise
        pytest.skip(f"{error} ({error.hint})")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"
