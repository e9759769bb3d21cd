"""The SQLite database: opening it safely, one snapshot per reader, one transaction per writer, its migrations."""

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, exc, pool, text

from indexer.durable import failpoint
from indexer.errors import (
    IndexerError,
    IndexNotFound,
    NewerFormat,
    NoSpace,
    PermissionRefused,
    StoreDamaged,
    StoreLocked,
)
from indexer.tables import KNOWN_REVISIONS, SCHEMA_REVISION

# What is logged there is raised too, and worded where it is caught; without a handler it would reach stderr.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

LOW_SPACE_BYTES = 1024 * 1024
REPAIR_HINT = "run `index check --repair`"


class Database:
    """One SQLite file in WAL mode. Readers see one committed state; a writer commits all or nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(self._connect)
        self._reading_engine = _engine(self._connect_to_read)
        self._snapshot: Connection | None = None

    def _connect(self) -> sqlite3.Connection:
        return self._open(self._mode(), "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")

    def _connect_to_read(self) -> sqlite3.Connection:
        """Open for reading; on a full disk in a way that makes no file, as SQLite does for its shared memory.

        That is alone, so that nothing need be shared, or without a log as a file that stays as it is.
        """
        try:
            return self._open(self._mode(), "SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError:
            if not self._disk_is_full():
                raise
        if self._wal.exists():
            return self._open("mode=rw", "PRAGMA locking_mode=EXCLUSIVE")
        return self._open("mode=ro&immutable=1")

    def _open(self, mode: str, *statements: str) -> sqlite3.Connection:
        name = quote(os.fsencode(self.path.absolute()))
        connection = sqlite3.connect(f"file:{name}?{mode}", uri=True, timeout=5, isolation_level=None)
        try:
            for statement in statements:
                connection.execute(statement).close()
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def _wal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def _mode(self) -> str:
        """How to open: SQLite cannot follow a WAL in a folder that it may not write to, unless the WAL is empty."""
        if os.access(self.path.parent, os.W_OK) and (not self.path.exists() or os.access(self.path, os.W_OK)):
            return "mode=rwc"
        return "mode=ro" if self._wal.exists() and self._wal.stat().st_size else "mode=ro&immutable=1"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one snapshot: every statement inside the block sees the same committed state."""
        if self._snapshot is not None:
            with self._named_errors():
                yield self._snapshot
            return
        with self._named_errors(), self._reading_engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """Give this database as one snapshot has it, to this thread: each `reading` inside the block is of that one."""
        with self.reading() as connection:
            held = copy(self)
            held._snapshot = connection  # noqa: SLF001  (ours, on a copy)
            yield held

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give one transaction, committed durably when the block ends and undone if it raises."""
        writer = self._engine.execution_options(writes=True)
        with self._named_errors(), writer.connect() as connection, connection.begin():
            yield connection
            failpoint("transaction.before_commit")
        failpoint("transaction.after_commit")

    def revision(self) -> str | None:
        """Return the schema's revision, or None for a database that has no tables yet.

        Raises:
            IndexNotFound: there is no database file.
            NewerFormat: the revision is not one that this version knows.
        """
        if not self.path.exists():
            raise IndexNotFound(f"no index in {self.path.parent}", "make one with `index build FOLDER`")
        with self.reading() as connection:
            tables = connection.execute(
                text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
            )
            if not tables.scalar_one():
                return None
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision not in KNOWN_REVISIONS:
            raise NewerFormat(
                f"{self.path} has schema {revision!r}; this version knows {', '.join(KNOWN_REVISIONS)}",
                "upgrade this program, or use another --store",
            )
        return str(revision)

    def is_outdated(self, revision: str) -> bool:
        """Tell whether a known revision is older than this version's."""
        return revision != SCHEMA_REVISION

    def migrate(self) -> None:
        """Bring the schema to this version's revision, in one transaction; create the file if it is missing."""
        if self.path.exists() and self.revision() == SCHEMA_REVISION:
            return
        from alembic import command
        from alembic.config import Config

        with self._named_errors():
            with closing(self._connect()) as raw:
                raw.execute("PRAGMA journal_mode=WAL")
            with self._engine.connect() as connection, connection.begin():
                config = Config()
                config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                failpoint("migrate.before_commit")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise self._name(error.orig if isinstance(error.orig, sqlite3.Error) else error) from error
        except sqlite3.Error as error:
            raise self._name(error) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise StoreDamaged(
                f"{self.path} holds a value that cannot be read: {error}", REPAIR_HINT
            ) from error

    def _name(self, error: Exception) -> IndexerError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        may_be_space = code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
        if code == sqlite3.SQLITE_FULL or (may_be_space and self._disk_is_full()):
            return NoSpace(
                f"no space left while writing {self.path}", "free some space and run the same command again"
            )
        if code in {
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_AUTH,
        }:
            return PermissionRefused(
                f"cannot open {self.path} as needed: {error}", "check who owns it and its mode"
            )
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return StoreLocked(f"{self.path} is held by another process", "wait for it, or stop it")
        return StoreDamaged(f"{self.path} cannot be read: {error}", REPAIR_HINT)

    def _disk_is_full(self) -> bool:
        """Tell whether there is next to no space, or no room for one more file."""
        disk = os.statvfs(self.path.parent)
        return disk.f_bavail * disk.f_frsize < LOW_SPACE_BYTES or (disk.f_files > 0 and disk.f_favail == 0)


def _engine(connect: Callable[[], sqlite3.Connection]) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=pool.NullPool)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Start a transaction by hand: the driver's own rules would leave schema changes outside of it."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrations_directory() -> Path:
    """Where the Alembic scripts lie: inside the wheel, or beside the packages in a checkout."""
    packaged = Path(__file__).parent / "_migrations"
    return packaged if packaged.exists() else Path(__file__).parent.parent / "alembic"
