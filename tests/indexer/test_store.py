"""The store's folder: how it is made, what a writer finds and leaves in it, and who may add to it."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from indexer import durable
from indexer.errors import IndexNotFound, NewerFormat, StoreLocked
from indexer.settings import SETTINGS_FILE, TEMPLATE
from indexer.store import SALVAGED_FILE, Store, open_store
from indexer.tables import SCHEMA_REVISION


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "far/away/.index")
    with store.writing():
        pass
    return store


def revised(store: Store, revision: str) -> None:
    with closing(sqlite3.connect(store.database.path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


@contextmanager
def bytes_unchanged(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    yield
    assert path.read_bytes() == before


def test_a_store_is_made_with_the_folders_that_it_lies_in_and_for_its_owner_alone(store: Store) -> None:
    for folder in (store.path, store.faiss_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (store.path / SETTINGS_FILE).read_text() == TEMPLATE


def test_what_was_set_stays_set(store: Store) -> None:
    (store.path / SETTINGS_FILE).write_text("jobs = 1\n")
    with store.writing():
        pass
    assert (store.path / SETTINGS_FILE).read_text() == "jobs = 1\n"


def test_the_store_and_its_name_are_on_the_disk_before_a_writer_begins(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a store that is there: what writing its first files syncs would hide what is left out."""
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_directory", synced.append)
    with store.writing():
        assert synced == [store.path, store.base]


@pytest.mark.parametrize("folder", [".", "faiss"])
def test_what_a_killed_writer_left_half_written_goes_with_the_next_one(store: Store, folder: str) -> None:
    residue = store.path / folder / f"abc{durable.TEMPORARY_SUFFIX}"
    residue.write_bytes(b"half of it")
    kept = store.path / folder / "notes.txt"
    kept.write_bytes(b"of somebody")
    with store.locked():
        assert not residue.exists()
    assert kept.exists()


def test_search_files_that_no_generation_names_go_with_the_next_writer(store: Store) -> None:
    unnamed = store.faiss_path("0" * 64)
    unnamed.write_bytes(b"of a build that was killed before it committed")
    with store.writing():
        assert not unnamed.exists()


def test_a_store_of_a_newer_version_is_not_touched(store: Store) -> None:
    revised(store, "9999")
    unnamed = store.faiss_path("0" * 64)
    unnamed.write_bytes(b"who knows what for")
    with bytes_unchanged(store.database.path):
        for use in (store.writing, store.adding):
            with pytest.raises(NewerFormat, match="9999"), use():
                pass
        with pytest.raises(NewerFormat, match="9999"):
            open_store(store.path)
    assert unnamed.exists()


def test_nothing_is_added_to_a_database_that_is_being_salvaged(store: Store) -> None:
    with store.adding():
        pass
    salvaged = store.path / SALVAGED_FILE
    salvaged.write_bytes(b"half of the rows")
    with pytest.raises(StoreLocked, match="is being repaired"), store.adding():
        pass
    salvaged.unlink()
    with store.adding():
        pass


def test_a_store_in_which_nothing_was_ever_written_is_no_index(tmp_path: Path) -> None:
    (tmp_path / ".index").mkdir()
    (tmp_path / ".index/catalog.db").touch()
    with pytest.raises(IndexNotFound, match="nothing was committed yet"):
        open_store(tmp_path / ".index")


def test_a_store_of_this_version_is_opened_beside_a_writer_and_only_an_older_one_waits_for_it(
    store: Store,
) -> None:
    with Store(store.path).writing():
        assert open_store(store.path).revision() == SCHEMA_REVISION
        revised(store, "0004")
        with pytest.raises(StoreLocked):
            open_store(store.path)


def test_a_schema_of_this_version_is_not_migrated_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import command

    monkeypatch.setattr(command, "upgrade", None)
    store.database.migrate()
