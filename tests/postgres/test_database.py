"""What PostgreSQL must give: one state to a reader, one writer at a time, and faults by their names."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from indexer.errors import (
    EngineUnavailable,
    IndexerError,
    NewerFormat,
    PermissionRefused,
    StoreLocked,
    UsageRefused,
)
from indexer.postgres import PostgresDatabase
from indexer.store import Store
from indexer.tables import SCHEMA_REVISION, Catalogue
from tests.conftest import Command
from tests.indexer.test_stamp import age
from tests.postgres.server import Server


@pytest.fixture
def database(url: str) -> PostgresDatabase:
    made = PostgresDatabase(url)
    made.migrate()
    return made


def catalogue_row(path: str) -> dict[str, object]:
    return {"path": path, "kind": "folder", "exclude": []}


def paths(database: PostgresDatabase) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(Catalogue.path).order_by(Catalogue.id)).scalars())


@contextmanager
def held(database: PostgresDatabase) -> Iterator[None]:
    """Another writer's transaction."""
    with database.writing():
        yield


def test_it_has_no_revision_at_first_and_migrates_once(url: str) -> None:
    database = PostgresDatabase(url)
    assert not database.exists()
    assert database.revision() is None
    for _ in range(2):
        database.migrate()
        assert database.revision() == SCHEMA_REVISION
    assert database.exists()


def test_an_older_schema_is_brought_up_to_date_with_what_it_holds(url: str) -> None:
    from alembic import command
    from alembic.config import Config

    from indexer.database import migrations_directory

    database = PostgresDatabase(url)
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()))
    with database._engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(insert(Catalogue).values(catalogue_row("a")))
    assert database.is_outdated(str(database.revision()))
    database.migrate()
    assert database.revision() == SCHEMA_REVISION
    assert paths(database) == ["a"]


def test_a_reader_sees_one_state_whatever_is_committed_meanwhile(database: PostgresDatabase) -> None:
    with database.snapshot() as snapshot:
        before = paths(snapshot)
        with database.writing() as connection:
            connection.execute(insert(Catalogue).values(catalogue_row("a")))
        assert paths(snapshot) == before == []
        assert paths(database) == ["a"]


def test_a_reader_cannot_write(database: PostgresDatabase) -> None:
    with pytest.raises(Exception, match="read-only"), database.reading() as connection:
        connection.execute(insert(Catalogue).values(catalogue_row("a")))


def test_a_transaction_that_fails_changes_nothing(database: PostgresDatabase) -> None:
    rows = [catalogue_row("a"), catalogue_row("b"), catalogue_row("a")]
    with pytest.raises(Exception, match="duplicate key"), database.writing() as connection:
        connection.execute(insert(Catalogue), rows)
    assert paths(database) == []


def test_a_user_without_rights_is_told(database: PostgresDatabase, url: str) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP ROLE IF EXISTS guest"))
        connection.execute(text("CREATE ROLE guest LOGIN"))
    with pytest.raises(PermissionRefused, match="denied"):
        paths(PostgresDatabase(url.replace("postgres@", "guest@")))


def test_numbers_are_committed_in_the_order_in_which_they_are_given(database: PostgresDatabase) -> None:
    """Else one who follows by number passes over what commits late."""
    seen: list[list[str]] = []
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with database.writing() as connection:
            connection.execute(insert(Catalogue).values(catalogue_row("slow")))
            inside.set()
            go_on.wait(60)

    def quick() -> None:
        with database.writing() as connection:
            connection.execute(insert(Catalogue).values(catalogue_row("quick")))
        seen.append(paths(database))

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    threads[0].start()
    inside.wait(60)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()  # waits for the slow one
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert seen == [["slow", "quick"]]


def test_a_writer_that_waits_too_long_is_told(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.postgres._WAIT_MS", 100)
    with held(database), pytest.raises(StoreLocked, match="another process"), database.writing():
        pass


def test_two_builds_on_two_machines_are_kept_apart(index: Command, on_postgres: str, catalogue: Path) -> None:
    elsewhere = Store(Path("elsewhere/.index"))
    with elsewhere.locked():
        answer = index("build", catalogue)
    assert answer.code == StoreLocked.exit_code
    assert "another process" in answer.err
    assert index("build", catalogue).code == 0


def test_a_newer_schema_is_refused(database: PostgresDatabase) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerFormat, match="9999"):
        database.revision()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda _: "no URL", UsageRefused),
        (lambda url: f"{url}?bogus=1", UsageRefused),
        (lambda url: f"{url}?password=hunter2", UsageRefused),
        (lambda url: url.replace("postgresql+psycopg", "mysql"), UsageRefused),
        (lambda _: "postgresql+psycopg://postgres@127.0.0.1:1/nothing", EngineUnavailable),
        (lambda url: url.rsplit("/", 1)[0] + "/no_such_database", EngineUnavailable),
        (
            lambda url: url.replace("postgres@", "nobody_here@"),
            EngineUnavailable,
        ),  # which is all that psycopg says
    ],
)
def test_a_url_that_leads_nowhere_is_told_by_name(
    change: object,
    error: type[IndexerError],
    url: str,
    index: Command,
    catalogue: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INDEX_DATABASE", change(url))  # type: ignore[operator]
    for arguments in (["build", catalogue], ["query", catalogue / "cup/00.jpg"], ["status"], ["check"]):
        answer = index(*arguments)
        assert (answer.code, "Traceback" in answer.err) == (error.exit_code, False), answer.err


def test_a_schema_that_is_not_there_is_told(
    index: Command, url: str, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_DATABASE", f"{url}?options=-csearch_path%3Dnowhere")
    answer = index("build", catalogue)
    assert (answer.code, "Traceback" in answer.err) == (UsageRefused.exit_code, False), answer.err


def test_a_password_is_never_shown(server: Server, index: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDEX_DATABASE", "postgresql+psycopg://me:s3cret@127.0.0.1:1/nothing")
    answer = index("status")
    assert answer.code == EngineUnavailable.exit_code
    assert "s3cret" not in answer.out + answer.err


@pytest.mark.parametrize("ending", ["?password=hunter2", ":hunter2@h:5432/x"])
def test_nor_is_one_of_a_url_that_cannot_be_meant(
    ending: str, index: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_DATABASE", f"postgresql://u:12@34{ending}")
    answer = index("status")
    assert (answer.code, "hunter2" in answer.out + answer.err) == (UsageRefused.exit_code, False), answer.err


def test_a_value_that_a_server_does_not_take_is_told(
    index: Command, on_postgres: str, catalogue: Path
) -> None:
    Path("labels.csv").write_bytes(b"path,label\ncatalogue/cup/00.jpg,m\0g\n")
    answer = index("build", catalogue, "--labels", "labels.csv")
    assert (answer.code, "Traceback" in answer.err) == (UsageRefused.exit_code, False), answer.err
    assert index("build", catalogue).code == 0


def test_a_command_whose_lock_went_with_its_connection_commits_nothing_more(
    database: PostgresDatabase,
) -> None:
    with database.alone():
        with database.reading() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid != pg_backend_pid()"
                )
            )
        with pytest.raises(EngineUnavailable), database.writing() as connection:
            connection.execute(insert(Catalogue).values(catalogue_row("a")))
    assert paths(database) == []


def test_the_settings_of_a_store_name_its_server_too(
    index: Command, url: str, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".index").mkdir()
    Path(".index/index.toml").write_text(f'database = "{url}"\n')
    assert index("build", catalogue).code == 0
    assert not Path(".index/catalog.db").exists()
    monkeypatch.chdir(catalogue / "cup")
    assert index("status", "--json").json()["database"] == url


def test_what_is_told_without_the_database_is_never_believed_of_a_server(
    index: Command, on_postgres: str, catalogue: Path, tiny_encoder: Path
) -> None:
    """The stamp of a build holds the store's own files to their times; a server's are elsewhere."""
    assert index("build", catalogue).code == 0
    age(Path(".index"))
    age(tiny_encoder)
    assert index("build", catalogue).code == 0
    assert not Path(".index/unchanged.json").exists()
