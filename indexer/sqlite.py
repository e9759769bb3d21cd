"""The database as one SQLite file beside its index: opening it safely, whatever state its disk and its folder are in."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    column,
    create_engine,
    delete,
    event,
    insert,
    pool,
    select,
    table,
    text,
)

from indexer import durable
from indexer.database import REPAIR_HINT, Database, largest_id
from indexer.errors import (
    IndexerError,
    IndexNotFound,
    NoSpace,
    PermissionRefused,
    StoreDamaged,
    StoreLocked,
)

LOW_SPACE_BYTES = 1024 * 1024
_GIVEN = table("sqlite_sequence", column("name"), column("seq"))


class SqliteDatabase(Database):
    """One SQLite file in WAL mode."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(str(path))

    def _engines(self) -> tuple[Engine, Engine]:
        return _engine(self._connect), _engine(self._connect_to_read)

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self.path.exists()

    def revision(self) -> str | None:
        """Return the schema's revision, or None for a file that has no tables yet.

        Raises:
            IndexNotFound, NewerFormat
        """
        if not self.path.exists():
            raise IndexNotFound(f"no index in {self.path.parent}", "make one with `index build FOLDER`")
        return super().revision()

    def problems(self, connection: Connection) -> tuple[str, int]:
        """Have SQLite check its pages, and its foreign keys where those are sound."""
        found = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check(10)"))]
        if found != ["ok"]:
            return "; ".join(found), 0
        return "", len(connection.execute(text("PRAGMA foreign_key_check")).all())

    def alone(self) -> AbstractContextManager[None]:
        """Do nothing: the store's lock is beside the file."""
        return nullcontext()

    def last_id(self, connection: Connection, table: Table) -> int:
        """Ask SQLite's own table of what was given."""
        given = connection.execute(select(_GIVEN.c.seq).where(_GIVEN.c.name == table.name)).scalar()
        return max(given or 0, largest_id(connection, table))

    def give_ids_after(self, connection: Connection, table: Table, last: int) -> None:
        """Write that table, of those that SQLite counts in it: others give what is free."""
        if table.dialect_options["sqlite"]["autoincrement"]:
            connection.execute(delete(_GIVEN).where(_GIVEN.c.name == table.name))
            connection.execute(insert(_GIVEN).values(name=table.name, seq=last))

    def close_log(self) -> None:
        """Bring all that was committed into the file itself, and leave no log beside it."""
        with closing(self._connect()) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for log in ("-wal", "-shm"):
            durable.unlink(self.path.with_name(f"{self.path.name}{log}"))

    def set_aside(self) -> None:
        """Give the file a name under which no index is looked for, with all that was committed to it."""
        self.close_log()
        aside = self.path.with_name(f"{self.path.name}.copied")
        while aside.exists():
            aside = aside.with_name(f"{aside.name}-again")
        durable.replace(self.path, aside)

    def _has_schema(self, connection: Connection) -> bool:
        tables = text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
        return bool(connection.execute(tables).scalar_one())

    def _prepare(self) -> None:
        with closing(self._connect()) as raw:
            raw.execute("PRAGMA journal_mode=WAL")

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
    def named_errors(self) -> Iterator[None]:
        """Name what SQLite raises inside the block too, of a connection that was not SQLAlchemy's."""
        try:
            with super().named_errors():
                yield
        except sqlite3.Error as error:
            raise self._name(error) from error

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
