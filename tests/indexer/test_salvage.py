"""Where a malformed database is kept when what can be saved of it takes its place."""

from pathlib import Path

from indexer.salvage import _set_aside
from tests.conftest import Command


def kept(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.glob("catalog.db.damaged-*"))


def test_a_malformed_database_is_kept_once_however_often_saving_it_is_begun(tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    database.write_bytes(b"malformed")
    assert _set_aside(database) == _set_aside(database)
    assert kept(tmp_path) == [b"malformed"]


def test_one_that_is_malformed_again_in_the_same_second_is_kept_beside_the_first(tmp_path: Path) -> None:
    database = tmp_path / "catalog.db"
    for content in (b"first", b"second", b"third"):
        database.unlink(missing_ok=True)
        database.write_bytes(content)
        _set_aside(database)
    assert kept(tmp_path) == [b"first", b"second", b"third"]


def test_rows_are_saved_whose_column_has_lost_its_name(index: Command, catalogue: Path) -> None:
    """Python cannot even read a name that is no UTF-8 any more."""
    index("build", catalogue)
    index("list", "add", "fraud", catalogue / "cup/01.jpg", "--note", "seen twice")
    database = Path(".index/catalog.db")
    content = database.read_bytes()
    at = content.index(b"note", content.index(b"CREATE TABLE listings"))
    database.write_bytes(content[:at] + b"n\xefte" + content[at + 4 :])
    assert index("check").code == 12
    repaired = index("check", "--repair")
    assert repaired.code == 0, repaired.err
    assert "1 listings" in repaired.out
    assert "seen twice" in index("list", "show").out
    assert index("check").code == 0
