"""Where a malformed database is kept when what can be saved of it takes its place."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from indexer.salvage import _readable_rows, _set_aside
from indexer.store import SALVAGED_FILE
from indexer.tables import Base
from tests.conftest import Command
from tests.relaxed import change_relaxed

DATABASE = Path(".index/catalog.db")


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


@pytest.mark.parametrize(
    ("written", "damaged"),
    [
        (b"indexdecisions_by_pair", b"indexd\xe3\xe3isions_by_pair"),
        (b"CREATE TABLE decisions", b"CREATE TABLE de\xefisions"),
        (b"CREATE TABLE decisions", b"CREAT\x05 TABLE decisions"),
        (b"tabledecisionsdecisions", b"tabledekisionsdecisions"),
        (b"tabledecisionsdecisions", b"tafledecisionsdecisions"),
        (b"label TEXT, \n\tnote", b"label TEXT\x0c \n\tnote"),  # which joins two columns
        (b"CREATE TABLE listings", b"CREATE TABLE \x00istings"),
    ],
)
def test_decisions_and_listings_are_saved_though_a_definition_in_the_schema_is_damaged(
    index: Command, catalogue: Path, written: bytes, damaged: bytes
) -> None:
    """SQLite itself then reads no table at all, and may name the damaged one in bytes that are no text."""
    index("build", catalogue)
    index("list", "add", "fraud", catalogue / "cup/01.jpg", "--note", "seen twice")
    index("decide", catalogue / "cup/01.jpg", catalogue / "cup/02.jpg", "different", "--note", "two cups")
    database = Path(".index/catalog.db")
    content = database.read_bytes()
    assert content.count(written) == 1
    assert len(written) == len(damaged)
    database.write_bytes(content.replace(written, damaged))
    assert index("check").code == 12
    repaired = index("check", "--repair")
    assert repaired.code == 0, repaired.err
    assert "seen twice" in index("list", "show").out
    assert "two cups" in index("decide", "--list").out
    assert index("check").code == 0


def test_what_a_killed_salvage_left_is_no_part_of_the_next_one(index: Command, catalogue: Path) -> None:
    index("build", catalogue)
    index("list", "add", "fraud", catalogue / "cup/01.jpg", "--note", "seen twice")
    database = Path(".index/catalog.db")
    for suffix in ("", "-wal", "-shm"):
        Path(f".index/{SALVAGED_FILE}{suffix}").write_bytes(b"half a database")
    content = database.read_bytes()
    database.write_bytes(content.replace(b"CREATE TABLE listings", b"CREATE TABLE \x00istings"))
    assert index("check", "--repair").code == 0
    assert "seen twice" in index("list", "show").out


def test_a_table_whose_definition_is_like_no_other_gives_its_place_to_none(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as database:
        database.execute("CREATE TABLE other (first TEXT, second TEXT)")
        database.execute("INSERT INTO other VALUES ('one', 'two')")
        database.commit()
    table = Base.metadata.tables["decisions"]
    definition = str(CreateTable(table).compile(dialect=sqlite.dialect())).strip()
    assert list(_readable_rows(tmp_path / "catalog.db", table, definition)) == []


@pytest.mark.parametrize(
    ("spare", "label"),
    [("assigned_at = x'00'", "mug"), ("assigned_at = NULL", "mug"), ("label = x'00'", None)],
)
def test_a_row_is_saved_without_what_it_can_spare_and_else_set_aside_and_told(
    index: Command, catalogue: Path, spare: str, label: str | None
) -> None:
    assert index("build", catalogue).code == 0
    assert index("label", catalogue / "cup/00.jpg", "mug").code == 0
    change_relaxed(DATABASE, "assigned_labels", f"UPDATE assigned_labels SET {spare}")
    repaired = index("check", "--repair")
    assert repaired.code == 0
    aside = list(Path(".index").glob("rows-set-aside-*.jsonl"))
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        assert database.execute("SELECT label FROM assigned_labels").fetchall() == [(label,)] * bool(label)
    assert bool(aside) == ("set rows aside in rows-" in repaired.out) == (label is None)
    assert [json.loads(path.read_text())["table"] for path in aside] == ["assigned_labels"] * len(aside)
    found = index("query", catalogue / "cup/00.jpg", "-k", 1, "--json").json()
    assert found["queries"][0]["results"][0]["label"] == "mug"


@pytest.mark.parametrize("table", ["catalogues", "files", "encoders"])
def test_rows_whose_number_is_no_other_name_of_their_place_keep_it(
    index: Command, catalogue: Path, table: str
) -> None:
    assert index("build", catalogue, "--exclude", "ewer").code == 0
    with closing(sqlite3.connect(".index/catalog.db")) as database, database:
        before = database.execute(f"SELECT * FROM {table}").fetchall()
        database.execute("PRAGMA writable_schema=ON")
        damage = "UPDATE sqlite_master SET sql = replace(sql, 'id INTEGER', 'id INTEGDR') WHERE name = ?"
        assert database.execute(damage, (table,)).rowcount == 1
    assert index("check").code == 12
    repaired = index("check", "--repair")
    assert (repaired.code, "encoded 0 pictures" in repaired.out) == (0, True)
    with closing(sqlite3.connect(".index/catalog.db")) as database:
        assert database.execute(f"SELECT * FROM {table}").fetchall() == before
    assert not list(Path(".index").glob("*-set-aside-*"))


def test_a_kind_of_catalogue_that_is_none_is_found_and_is_again_what_the_path_says(
    index: Command, catalogue: Path, workplace: Path
) -> None:
    rows = "".join(f"{path.relative_to(workplace)},cup\n" for path in sorted(catalogue.rglob("*.jpg"))[:5])
    Path("shop.csv").write_text(f"path,label\n{rows}")
    assert index("build", "shop.csv").code == 0
    change_relaxed(DATABASE, "catalogues", "UPDATE catalogues SET kind = 'manigest'")
    assert index("check").code == 12
    assert index("check", "--repair").code == 0
    assert index("build", "--json").json()["unchanged"] == 5
