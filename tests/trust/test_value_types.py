"""Every column of every table holds a value of another type, as SQLite lets a damaged row: named, found and mended."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Table
from sqlalchemy.dialects import sqlite

from indexer.column_types import FilePath
from indexer.tables import Base
from tests.pictures import make_catalogue
from tests.relaxed import change_relaxed
from tests.tiny_encoder import write_tiny_encoder
from tests.trust.damaged_stage import REFUSALS
from tests.trust.in_process import Ended, run

DATABASE = ".index/catalog.db"
DAMAGED, SOME_REJECTED = 12, 3
# What is told to an engine: the collections have a test of their own below.
OF_ENGINES = {"vector_collections", "vector_changes"}
COLLECTIONS = Base.metadata.tables["vector_collections"]
TABLES = [table for table in Base.metadata.sorted_tables if table.name not in OF_ENGINES]
QUESTION = ("query", "catalogue/bass/02.jpg", "-k", 30, "--json")
OF_USERS = ("decisions", "listings", "assigned_labels", "exclusions", "disposals")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a catalogue and an index that has a row in every table."""
    folder = tmp_path_factory.mktemp("template")
    catalogue = make_catalogue(folder / "catalogue")
    (catalogue / "broken.jpg").write_bytes(b"no picture")
    for name in ("00", "01"):
        shutil.copy(catalogue / f"cup/{name}.jpg", catalogue / f"copy-{name}.jpg")
    write_tiny_encoder(folder / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INDEX_ENCODER", "encoder")
        patch.setenv("INDEX_JOBS", "1")
        patch.delenv("INDEX_STORE", raising=False)
        for command in (
            "build catalogue",
            "remove catalogue/ewer/07.jpg",
            "label catalogue/bass/02.jpg marked",
            "decide catalogue/bass/03.jpg catalogue/bass/04.jpg different",
            "list add fraud catalogue/bass/05.jpg",
            "nightly catalogue",
            "calibrate --synthetic --fpr 0.05",
            "dedupe --new",
            "dedupe --policy trash",
            "build catalogue",
        ):
            ended = run(folder, *command.split())
            assert ended.code in {0, SOME_REJECTED}, ended.err
        yield folder


@contextlib.contextmanager
def damaged(template: Path, column: str, table: Table, other: str) -> Iterator[Path]:
    """A copy of the template whose newest row of a table holds something else in one column."""
    case = template.with_name("case")
    shutil.copytree(template, case)
    try:
        put(case / DATABASE, f"UPDATE {table.name} SET {column} = {other}", table)
        yield case
    finally:
        shutil.rmtree(case)


def put(database: Path, update: str, table: Table) -> None:
    """Change the newest row of a table."""
    newest = f"WHERE rowid = (SELECT max(rowid) FROM {table.name})"
    change_relaxed(database, table.name, f"{update} {newest}")


def written_by_users(case: Path) -> list[int]:
    """How many rows there are of what nothing but a user could say again; of dedupe's, it is the trash that they tell of."""
    with closing(sqlite3.connect(case / DATABASE)) as database:
        counts = [database.execute(f"SELECT count(*) FROM {name}").fetchone() for name in OF_USERS]
    return [count for (count,) in counts]


def others(table: Table) -> Iterator[tuple[str, str]]:
    """Each column with what it cannot hold, as SQL; SQLite keeps an ``id`` as a number, whatever becomes of its row."""
    for column in table.columns:
        if column.name != "id":
            yield column.name, "NULL"
            yield column.name, "'text'" if _is_binary(column) else "x'ff00'"
            if isinstance(column.type, FilePath):
                yield column.name, "x'6100'"


def _is_binary(column: "Column[object]") -> bool:
    return str(column.type.compile(sqlite.dialect())) == "BLOB"


def places(ended: Ended) -> list[tuple[str, float]]:
    """What a query found, whatever is said of it, and whichever ids it has."""
    return [(one["path"], round(one["score"], 6)) for one in json.loads(ended.out)["queries"][0]["results"]]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_value_of_another_type_ends_no_command_in_a_bug_is_found_and_is_mended(
    template: Path, table: Table
) -> None:
    expected, of_users = places(run(template, *QUESTION)), written_by_users(template)
    with closing(sqlite3.connect(template / DATABASE)) as database:
        assert database.execute(f"SELECT count(*) FROM {table.name}").fetchone() != (0,)
    for column, other in others(table):
        with damaged(template, column, table, other) as case:
            told = f"{table.name}.{column} = {other}"
            asked = [run(case, *words) for words in (("status", "--json"), QUESTION, ("dedupe",))]
            asked += [run(case, *words) for words in (("decide", "--list"), ("list", "show"))]
            assert {ended.code for ended in asked} <= {0} | REFUSALS, told
            checked = run(case, "check")
            assert checked.code == DAMAGED or all(ended.code == 0 for ended in asked), told
            repaired = run(case, "check", "--repair")
            assert repaired.code in {0, DAMAGED}, (told, repaired.err)
            assert run(case, "build", "catalogue").code == SOME_REJECTED, told
            assert run(case, "check").code == 0, told
            is_kept = written_by_users(case) == of_users
            assert is_kept or list((case / ".index").glob("*-set-aside-*")), (
                f"{told}: gone, and not set aside"
            )
            if is_kept:
                assert places(run(case, *QUESTION)) == expected, told


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_writer_meets_a_value_of_another_type_without_a_bug(template: Path, table: Table) -> None:
    for column, other in others(table):
        with damaged(template, column, table, other) as case:
            words = (("dedupe", "--undo", "last"), ("dedupe", "--new"), ("nightly", "catalogue"))
            codes = {run(case, *one).code for one in words}
            assert codes <= {0, SOME_REJECTED} | REFUSALS, f"{table.name}.{column} = {other}: {codes}"


@pytest.mark.parametrize(("column", "other"), list(others(COLLECTIONS)))
def test_a_collection_on_an_engine_is_damage_too_and_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, other: str
) -> None:
    monkeypatch.setenv("INDEX_ENCODER", "encoder")
    monkeypatch.setenv("INDEX_JOBS", "1")
    make_catalogue(tmp_path / "catalogue", per_class=3)
    write_tiny_encoder(tmp_path / "encoder")
    build = ("build", "catalogue", "--vectors", f"faiss://{tmp_path}/engine")
    assert run(tmp_path, *build).code == 0
    expected = places(run(tmp_path, *QUESTION))
    put(tmp_path / DATABASE, f"UPDATE vector_collections SET {column} = {other}", COLLECTIONS)
    asked = [run(tmp_path, *words) for words in (QUESTION, ("status",), ("build", "catalogue"))]
    checked = run(tmp_path, "check")
    assert checked.code == DAMAGED or all(ended.code == 0 for ended in asked)
    assert run(tmp_path, "check", "--repair").code in {0, DAMAGED}
    assert run(tmp_path, *build).code == 0
    assert run(tmp_path, "check").code == 0
    assert places(run(tmp_path, *QUESTION)) == expected
