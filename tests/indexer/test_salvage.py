"""Where a malformed database is kept when what can be saved of it takes its place."""

from pathlib import Path

from indexer.salvage import _set_aside


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
