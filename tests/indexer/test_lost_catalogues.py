"""Files outlive the row of the catalogue that they came from."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.pictures import save


def lose(condition: str) -> None:
    """Take rows of catalogues out of the index in this folder, as damage and a salvage do."""
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        database.execute(f"DELETE FROM catalogues WHERE {condition}")


def catalogues() -> list[str]:
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        return [os.fsdecode(row[0]) for row in database.execute("SELECT path FROM catalogues ORDER BY id")]


@pytest.fixture
def other(workplace: Path) -> Path:
    for number in range(3):
        save(workplace / f"other/{number}.jpg", seed=900 + number)
    return workplace / "other"


def test_a_lost_catalogue_costs_no_answer_and_is_named(index: Command, catalogue: Path) -> None:
    index("build", catalogue)
    before = index("query", catalogue / "cup/03.jpg", "-k", 9, "--json").json()
    lose("1")
    assert index("check").code == 12
    repaired = index("check", "--repair")
    assert repaired.code == 0
    assert f"took {catalogue} for the catalogue of 24 files" in repaired.out
    assert catalogues() == ["catalogue"]
    assert index("query", catalogue / "cup/03.jpg", "-k", 9, "--json").json()["queries"] == before["queries"]
    assert index("check").code == 0
    assert "24 unchanged" in index("build").out


def test_files_go_to_a_catalogue_that_they_lie_in(index: Command, catalogue: Path, other: Path) -> None:
    index("build", catalogue / "cup", catalogue, other)
    lose("path = CAST('catalogue/cup' AS BLOB)")
    repaired = index("check", "--repair")
    assert repaired.code == 0
    assert "took" not in repaired.out
    assert catalogues() == ["catalogue", "other"]
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        held = "SELECT catalogue_id, count(*) FROM files GROUP BY catalogue_id"
        assert database.execute(held).fetchall() == [(2, 24), (3, 3)]
    assert "27 unchanged" in index("build").out


def test_files_find_their_catalogue_while_its_disk_is_away(
    index: Command, catalogue: Path, other: Path
) -> None:
    """No build can look where they lie: the repair itself writes it down."""
    index("build", catalogue / "cup", catalogue, other)
    lose("path = CAST('catalogue/cup' AS BLOB)")
    for folder in (catalogue, other):
        folder.rename(f"{folder}-away")
    index("check", "--repair")
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        held = "SELECT catalogue_id, count(*) FROM files GROUP BY catalogue_id"
        assert database.execute(held).fetchall() == [(2, 24), (3, 3)]


def test_two_lost_catalogues_of_one_folder_become_one(index: Command, catalogue: Path, other: Path) -> None:
    index("build", catalogue / "cup", other)
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        lost = "UPDATE files SET catalogue_id = 77 WHERE path = CAST('catalogue/cup/00.jpg' AS BLOB)"
        assert database.execute(lost).rowcount == 1
    lose("path = CAST('catalogue/cup' AS BLOB)")
    assert index("check", "--repair").code == 0
    assert sorted(catalogues()) == ["catalogue/cup", "other"]
    assert "11 unchanged" in index("build").out


def test_a_file_whose_catalogue_is_known_after_all_leaves_none_behind(
    index: Command, catalogue: Path, workplace: Path
) -> None:
    """Its manifest names it: the folder in which it lies was never asked for."""
    rows = "".join(f"{path.relative_to(workplace)},cup\n" for path in sorted(catalogue.rglob("*.jpg"))[:5])
    (workplace / "shop.csv").write_text(f"path,label\n{rows}")
    assert index("build", "shop.csv").code == 0
    for damage in ("7", "x'ff00'"):
        with closing(sqlite3.connect(".index/catalog.db")) as database, database:
            database.execute(
                f"UPDATE files SET catalogue_id = {damage} WHERE id = (SELECT min(id) FROM files)"
            )
        assert index("check").code == 12
        repaired = index("check", "--repair")
        assert (repaired.code, "took " in repaired.out) == (0, False)
        assert index("build", "--json").json()["found"] == 5
