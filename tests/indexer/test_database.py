"""What SQLite says, in words and exit codes of ours; and what a connection may do."""

import json
import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from indexer.copy_database import _by_bytes
from indexer.errors import (
    IndexerError,
    IndexNotFound,
    NewerFormat,
    NoSpace,
    PermissionRefused,
    StoreDamaged,
    StoreLocked,
)
from indexer.sqlite import LOW_SPACE_BYTES, SqliteDatabase
from indexer.tables import SCHEMA_REVISION, Base


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    """A database with this version's schema."""
    database = SqliteDatabase(tmp_path / "catalog.db")
    database.migrate()
    return database


def held(path: Path) -> None:
    with closing(sqlite3.connect(path)) as first, closing(sqlite3.connect(path, timeout=0)) as second:
        first.execute("BEGIN IMMEDIATE")
        second.execute("BEGIN IMMEDIATE")


def read_only(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.execute("DELETE FROM items")


def nowhere(path: Path) -> None:
    sqlite3.connect(path.parent / "missing" / "catalog.db")


def full(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        connection.execute("CREATE TABLE more (content)")
        connection.execute("INSERT INTO more VALUES (zeroblob(100000))")


def no_database(path: Path) -> None:
    path.with_name("text").write_text("no database " * 100)
    with closing(sqlite3.connect(path.with_name("text"))) as connection:
        connection.execute("SELECT * FROM items")


def failed_disk(path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR | 3 << 8  # SQLITE_IOERR_WRITE
    raise error


def no_json(path: Path) -> None:
    json.loads("{")


def no_text(path: Path) -> None:
    b"\xff".decode()


CAUSES: list[tuple[Callable[[Path], None], type[IndexerError], str]] = [
    (held, StoreLocked, "is held by another process"),
    (read_only, PermissionRefused, "cannot open .* as needed: attempt to write a readonly database"),
    (nowhere, PermissionRefused, "cannot open .* as needed: unable to open"),
    (full, NoSpace, "no space left while writing"),
    (no_database, StoreDamaged, "cannot be read: file is not a database"),
    (failed_disk, StoreDamaged, "cannot be read: disk I/O error"),
    (no_json, StoreDamaged, "holds a value that cannot be read"),
    (no_text, StoreDamaged, "holds a value that cannot be read"),
]


@pytest.mark.parametrize(
    ("cause", "error", "words"), CAUSES, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_fails_in_the_database_has_its_name(
    database: SqliteDatabase, cause: Callable[[Path], None], error: type[IndexerError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised, database.reading():
        cause(database.path)
    assert type(raised.value) is error
    assert raised.value.hint
    assert raised.value.__cause__ is not None


def on_a_disk(
    patch: pytest.MonkeyPatch, *, free_bytes: int = 1 << 30, files: int = 100, free_files: int = 9
) -> None:
    disk = SimpleNamespace(f_bavail=free_bytes // 512, f_frsize=512, f_files=files, f_favail=free_files)
    patch.setattr(os, "statvfs", lambda path: disk)


@pytest.mark.parametrize("cause", [failed_disk, nowhere])
def test_on_a_full_disk_what_cannot_be_written_or_opened_lacks_space(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, cause: Callable[[Path], None]
) -> None:
    """SQLite calls it an error of the disk, or a file that cannot be opened."""
    for disk in ({"free_bytes": LOW_SPACE_BYTES - 512}, {"free_files": 0}, {"files": 1, "free_files": 0}):
        on_a_disk(monkeypatch, **disk)
        with pytest.raises(NoSpace), database.reading():
            cause(database.path)


@pytest.mark.parametrize("disk", [{"free_bytes": LOW_SPACE_BYTES}, {"files": 0, "free_files": 0}])
def test_a_disk_with_room_or_one_that_does_not_count_files_is_not_full(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, disk: dict[str, int]
) -> None:
    on_a_disk(monkeypatch, **disk)
    with pytest.raises(StoreDamaged), database.reading():
        failed_disk(database.path)


def test_what_else_fails_on_a_full_disk_keeps_its_name(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_disk(monkeypatch, free_bytes=0)
    with pytest.raises(StoreLocked), database.reading():
        held(database.path)


def test_what_sqlalchemy_wraps_has_the_name_of_what_it_wraps(database: SqliteDatabase) -> None:
    with pytest.raises(StoreDamaged, match="no such table: missing"), database.reading() as connection:
        connection.execute(text("SELECT * FROM missing"))


def test_sqlalchemy_writes_nothing_to_stderr(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logger without any handler would be heard there."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logging.getLogger("sqlalchemy.pool").error("words of the library")
    assert capfd.readouterr().err == ""


def test_a_reader_sees_one_state_whatever_is_committed_meanwhile(database: SqliteDatabase) -> None:
    count = text("SELECT count(*) FROM exclusions")
    with database.reading() as reader:
        before = reader.execute(count).scalar_one()
        with database.writing() as writer:
            writer.execute(text("INSERT INTO exclusions VALUES (x'61', 'now')"))
        assert reader.execute(count).scalar_one() == before == 0
    with database.reading() as reader:
        assert reader.execute(count).scalar_one() == 1


def test_a_snapshot_stays_as_it_was_first_read_for_all_who_read_through_it(database: SqliteDatabase) -> None:
    count = text("SELECT count(*) FROM exclusions")
    with database.snapshot() as snapshot:
        with snapshot.reading() as reader:
            assert reader.execute(count).scalar_one() == 0
        with database.writing() as writer:
            writer.execute(text("INSERT INTO exclusions VALUES (x'61', 'now')"))
        for _ in range(2):
            with snapshot.reading() as reader:
                assert reader.execute(count).scalar_one() == 0
        with database.reading() as reader:
            assert reader.execute(count).scalar_one() == 1


def test_a_writer_holds_the_database_from_its_start_and_a_reader_does_not(database: SqliteDatabase) -> None:
    """Who begins to write by reading could be refused midway."""
    with closing(sqlite3.connect(database.path, timeout=0, isolation_level=None)) as other:
        with database.reading():
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        with database.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")


def test_a_transaction_that_fails_changes_nothing(database: SqliteDatabase) -> None:
    def fail_midway() -> None:
        with database.writing() as writer:
            writer.execute(text("INSERT INTO exclusions VALUES (x'61', 'now')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_midway()
    with database.reading() as reader:
        assert reader.execute(text("SELECT count(*) FROM exclusions")).scalar_one() == 0


def test_a_row_that_refers_to_one_that_is_not_there_is_refused(database: SqliteDatabase) -> None:
    with pytest.raises(StoreDamaged, match="FOREIGN KEY"), database.writing() as writer:
        writer.execute(text("INSERT INTO embeddings VALUES (1, 'copy', 1, x'00', x'00')"))


def test_what_is_committed_has_reached_the_disk(database: SqliteDatabase) -> None:
    with database.writing() as writer:
        assert writer.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert writer.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_database_says_its_revision_and_migrates_once(database: SqliteDatabase) -> None:
    assert database.revision() == SCHEMA_REVISION
    assert not database.is_outdated(SCHEMA_REVISION)
    assert database.is_outdated("0001")
    before = database.path.stat().st_mtime_ns
    database.migrate()
    assert database.path.stat().st_mtime_ns == before


def test_a_database_without_tables_has_no_revision_and_one_that_is_not_there_is_no_index(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty.db").touch()
    assert SqliteDatabase(tmp_path / "empty.db").revision() is None
    with pytest.raises(IndexNotFound, match=f"no index in {tmp_path}"):
        SqliteDatabase(tmp_path / "missing.db").revision()
    assert not (tmp_path / "missing.db").exists()


def test_a_revision_that_is_not_known_is_a_newer_format(database: SqliteDatabase) -> None:
    with database.writing() as writer:
        writer.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerFormat, match="has schema '9999'; this version knows 0001, "):
        database.revision()


def test_names_that_mean_something_in_a_url_are_names(tmp_path: Path) -> None:
    folder = tmp_path / "50% off?mode=memory#1"
    folder.mkdir()
    SqliteDatabase(folder / "catalog.db").migrate()
    assert [path.name for path in folder.iterdir()] == ["catalog.db"]


def test_every_text_key_is_copied_in_the_order_of_its_bytes_whatever_language_a_server_has() -> None:
    keys = [column for table in Base.metadata.sorted_tables for column in table.primary_key]
    text = [key for key in keys if key.type.compile(postgresql.dialect()).startswith(("VARCHAR", "TEXT"))]
    assert {str(key) for key in text} >= {"embeddings.space", "faiss_files.space", "watermarks.name"}
    collated = [key for key in keys if str(_by_bytes(key, "postgresql")).endswith('COLLATE "C"')]
    assert collated == text
    assert all(_by_bytes(key, "sqlite") is key for key in keys)
