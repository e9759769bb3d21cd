"""The store's folder: where it is, its lock, its FAISS files, and how catalogue paths are written in it.

``.index/`` holds catalog.db (the truth), faiss/<sha256>.faiss (a cache), index.toml (settings) and lock.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, select

from indexer import durable
from indexer.database import REPAIR_HINT, Database
from indexer.errors import IndexNotFound, StoreDamaged, StoreLocked, os_errors
from indexer.location import DATABASE_FILE, SETTINGS_FILE
from indexer.remote import is_remote
from indexer.settings import TEMPLATE, database_url
from indexer.sqlite import SqliteDatabase
from indexer.tables import FaissFile
from retrieval.errors import IndexInvalid
from retrieval.metric import Metric
from retrieval.search import NeighbourIndex, read_index

FAISS_SUFFIX = ".faiss"
SALVAGED_FILE = (
    f"salvaged{durable.TEMPORARY_SUFFIX}"  # what takes a malformed database's place, while it is written
)


class Store:
    """One index on disk. Opening it reads nothing; every fault has its own error."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.base = self.path.parent
        self._below_base = os.path.join(self.base, "")
        self.faiss_folder = self.path / "faiss"
        self._url: str | None = None

    @cached_property
    def database(self) -> Database:
        """The database: a file in the store, unless the settings name a server."""
        self._url = url = database_url(self.path)
        if url is None:
            return SqliteDatabase(self.path / DATABASE_FILE)
        from indexer.postgres import PostgresDatabase

        return PostgresDatabase(url)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writer's lock, in a store whose folders exist and hold no residue of a killed writer.

        Raises:
            StoreLocked, NoSpace, PermissionRefused
        """
        with os_errors(f"creating {self.path}"):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with durable.writer_lock(self.path / "lock"), self.database.alone():
            self._require_where_it_was()
            with os_errors(f"creating {self.path}"):
                self.faiss_folder.mkdir(mode=0o700, exist_ok=True)
                for folder in (self.path, self.faiss_folder):
                    for residue in folder.glob(f"*{durable.TEMPORARY_SUFFIX}*"):
                        durable.unlink(residue)
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock, in a store whose database has this version's schema and whose files it names.

        Raises:
            StoreLocked, NoSpace, PermissionRefused, NewerFormat, StoreDamaged
        """
        with self.locked():
            if self.database.exists():
                self.revision()
            self.database.migrate()
            if not (self.path / SETTINGS_FILE).exists():
                durable.replace_file(self.path / SETTINGS_FILE, TEMPLATE.encode())
            with os_errors(f"creating {self.path}"):
                durable.sync_directory(self.path)
                durable.sync_directory(self.base)
            self.collect_faiss()
            yield

    @contextmanager
    def adding(self) -> Iterator[Connection]:
        """Give one transaction that only adds to what users said, beside a build that may be at work.

        It takes no lock but the database's own, which holds the two apart. Into a database that is being salvaged
        nothing is added: it would be lost with the old file.

        Raises:
            StoreLocked: it is being salvaged, or another transaction took longer than it is waited for.
            NewerFormat: a newer version migrated it meanwhile.
        """
        if any(self.path.glob(f"{SALVAGED_FILE}*")):
            raise StoreLocked(
                f"{self.path} is being repaired", "wait for it; if nothing is, run `index check --repair`"
            )
        self.database.revision()
        with self.database.writing() as connection:
            self._require_where_it_was()
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """Give this store as one snapshot of its database has it, to this thread.

        Raises:
            StoreLocked: the database was moved since this store was opened.
        """
        self._require_where_it_was()
        with self.database.snapshot() as database:
            held = copy(self)
            held.database = database
            yield held

    def _require_where_it_was(self) -> None:
        """Hold a store that stays open to its settings: what is written to a database that was moved is lost.

        Raises:
            StoreLocked: it was moved.
        """
        _ = self.database  # which is opened at the place that counts
        if self._url != database_url(self.path):
            raise StoreLocked(f"the database of {self.path} was moved meanwhile", "start this program again")

    def revision(self) -> str | None:
        """Return the database's revision, None where nothing was ever written.

        Raises:
            IndexNotFound, NewerFormat
            StoreDamaged: the database is empty, and files of its generations tell that it was not always.
        """
        revision = self.database.revision()
        if revision is None and any(self.faiss_folder.glob(f"*{FAISS_SUFFIX}")):
            raise StoreDamaged(
                f"{self.database.where} is empty, though FAISS files of its generations lie beside it",
                f"put it back from a copy, or {REPAIR_HINT}",
            )
        return revision

    def write_faiss(self, index: NeighbourIndex) -> tuple[str, int]:
        """Write an index durably; return (hex SHA-256, size in bytes)."""
        return durable.write_once(self.faiss_folder, FAISS_SUFFIX, index.write)

    def faiss_path(self, sha256: str) -> Path:
        """Where the FAISS file of that SHA-256 lies."""
        return self.faiss_folder / f"{sha256}{FAISS_SUFFIX}"

    def read_faiss(
        self, sha256: str, *, dim: int, metric: Metric, count: int, recall: float
    ) -> NeighbourIndex:
        """Read a FAISS file after its bytes have proven to be those that were committed.

        Raises:
            StoreDamaged: missing, other bytes than were committed, or not the index that the database describes.
        """
        path = self.faiss_path(sha256)
        with os_errors(f"reading {path}"):
            try:
                if durable.sha256_of(path) != sha256:
                    raise StoreDamaged(f"{path} is not the file that was committed", REPAIR_HINT)
                with path.open("rb", buffering=0) as file:
                    return read_index(file.read, dim=dim, metric=metric, count=count, recall=recall)
            except FileNotFoundError as error:
                raise StoreDamaged(f"{path} is missing", REPAIR_HINT) from error
            except IsADirectoryError as error:
                raise StoreDamaged(f"{path} is a folder, not a file", REPAIR_HINT) from error
            except IndexInvalid as error:
                raise StoreDamaged(f"{path}: {error}", REPAIR_HINT) from error

    def collect_faiss(self) -> None:
        """Remove the FAISS files that no kept generation names."""
        with self.database.reading() as connection:
            named = set(connection.execute(select(FaissFile.sha256)).scalars())
        with os_errors(f"removing old files in {self.faiss_folder}"):
            for path in self.faiss_folder.glob(f"*{FAISS_SUFFIX}"):
                if path.stem not in named:
                    durable.unlink(path)

    def stored_path(self, path: str) -> str:
        """Write an absolute path relative to the store's own folder if it lies below it, so that both can move."""
        if path.startswith(self._below_base):
            return path[len(self._below_base) :]
        return os.curdir if path == str(self.base) else path

    def absolute_path(self, stored: str) -> str:
        """Undo `stored_path`; what lies on an object store is called by its URL, there as here."""
        return stored if is_remote(stored) else os.path.normpath(os.path.join(self.base, stored))

    def shown_path(self, stored: str) -> str:
        """Name a path as the user can open it from where he is."""
        absolute = self.absolute_path(stored)
        here = os.path.realpath(".")
        return os.path.relpath(absolute, here) if _is_below(absolute, here) else absolute


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def open_store(path: Path) -> Store:
    """Open a store for reading; an older schema is migrated first, under the lock.

    Raises:
        IndexNotFound: no store there, or one in which nothing was ever written.
        NewerFormat: written by a newer version.
    """
    store = Store(path)
    with os_errors(f"reading {store.path}"):
        revision = store.revision()
    if revision is None:
        raise IndexNotFound(
            f"nothing was committed yet in {store.path}", "make an index with `index build FOLDER`"
        )
    if store.database.is_outdated(revision):
        with store.writing():
            pass
    return store
