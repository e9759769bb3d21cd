import sqlite3
import tarfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from indexer.database import migrations_directory
from indexer.errors import NewerFormat
from indexer.sqlite import SqliteDatabase
from indexer.tables import KNOWN_REVISIONS, SCHEMA_REVISION, Base
from tests.conftest import Command

GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_newest_migration_is_the_revision_that_the_models_describe() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == SCHEMA_REVISION
    assert {script.revision for script in scripts.walk_revisions()} == set(KNOWN_REVISIONS)


def test_migrating_from_nothing_gives_the_tables_of_the_models(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "catalog.db")
    database.migrate()
    assert database.revision() == SCHEMA_REVISION
    with create_engine(f"sqlite:///{database.path}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_migration_that_is_stopped_leaves_no_half_of_a_schema(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "catalog.db")

    def create_half() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE half (a)")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        create_half()
    tables = sqlite3.connect(database.path).execute("SELECT count(*) FROM sqlite_master").fetchone()
    assert tables == (0,)
    assert database.revision() is None


def test_the_database_is_in_wal_mode_and_syncs_every_commit(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "catalog.db")
    database.migrate()
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_store_whose_schema_is_too_old_to_tell_of_disposals_is_checked_as_it_is(
    index: Command, workplace: Path
) -> None:
    with tarfile.open(GOLDEN / "0001.tar.gz") as archive:
        archive.extractall(workplace, filter="data")
    store = workplace / "golden/.index"
    checked = index("check", "--store", store, "--json")
    assert checked.code == 0
    assert {finding["kind"] for finding in checked.json()["findings"]} <= {"catalogue-moved-on"}
    assert SqliteDatabase(store / "catalog.db").revision() == "0001"


def test_a_schema_from_the_future_is_refused_by_name(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "catalog.db")
    database.migrate()
    with sqlite3.connect(database.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerFormat, match="9999"):
        database.revision()
