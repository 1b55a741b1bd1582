from pathlib import Path

from kerntune.readers import READERS, known_metrics

PAGE = (Path(__file__).parents[2] / "docs/reference/readers.md").read_text()


def test_the_reference_names_every_reader_and_every_metric():
    """A metric that is not on the page will not be found."""
    for reader in READERS:
        assert f"`{reader}`" in PAGE
        for name in known_metrics(reader):
            assert f"`{name.rpartition('.')[2]}`" in PAGE, (reader, name)
