"""The database on a PostgreSQL server: the same tables, for several machines that build and ask at once.

One writer at a time, as with SQLite: each writing transaction first takes one advisory lock, so that numbers are given
and committed in the same order, and what a reader follows by number misses none that commits late.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    cast,
    create_engine,
    event,
    exc,
    func,
    make_url,
    pool,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import REGCLASS

from indexer.database import Database, largest_id
from indexer.errors import (
    EngineUnavailable,
    IndexerError,
    NoSpace,
    PermissionRefused,
    StoreDamaged,
    StoreLocked,
    UsageRefused,
)

SCHEMES = ("postgresql", "postgresql+psycopg")
_WAIT_MS, _CONNECT_S = 5000, 10
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}  # a lock is held for hours
_SECRETS = {"password", "passfile", "sslpassword"}
# Any two numbers that no other program uses in this database: the lock of a transaction, and that of a whole command.
_TRANSACTION, _COMMAND = 0x1D3A_0001, 0x1D3A_0002


class PostgresDatabase(Database):
    """One PostgreSQL database, or one schema of it by the URL's ``options``."""

    def __init__(self, url: str) -> None:
        hint = "write postgresql+psycopg://USER@HOST:PORT/NAME"
        try:
            self._url = make_url(url)
        except (exc.ArgumentError, ValueError) as error:  # whose words quote the URL
            raise UsageRefused("the database's URL cannot be read", hint) from error
        if self._url.drivername not in SCHEMES:
            raise UsageRefused(f"no database is kept with {self._url.drivername!r}", hint)
        if _SECRETS & self._url.query.keys():
            raise UsageRefused(
                "a database's URL is shown and kept: it must hold no secret behind the ?",
                "put the password into ~/.pgpass or PGPASSWORD",
            )
        self._url = self._url.set(drivername=SCHEMES[-1])
        self._held: Connection | None = None
        super().__init__(self._url.render_as_string(hide_password=True))

    def _engines(self) -> tuple[Engine, Engine]:
        try:
            writing, reading = _engine(self._url), _engine(self._url)
        except ModuleNotFoundError as error:
            raise UsageRefused(
                "a database on PostgreSQL needs psycopg", "pip install 'siamese-index[postgres]'"
            ) from error
        event.listen(writing, "begin", _begin_writing)
        return writing, reading.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def exists(self) -> bool:
        """Tell whether the server has the tables."""
        with self.reading() as connection:
            return self._has_schema(connection)

    def problems(self, connection: Connection) -> tuple[str, int]:  # noqa: ARG002  (the other engine's need it)
        """Find none: PostgreSQL holds its pages to checksums of its own, and refuses rows without their parents."""
        return "", 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that lasts as long as one connection does."""
        with ExitStack() as stack:
            with self.named_errors():
                held = stack.enter_context(self._engine.connect())
                held = held.execution_options(isolation_level="AUTOCOMMIT")
                if not held.execute(text(f"SELECT pg_try_advisory_lock({_COMMAND})")).scalar_one():
                    raise StoreLocked(
                        f"{self.where} is being written by another process", "wait for it, or stop it"
                    )
            self._held = held
            try:
                yield
            finally:
                self._held = None
                with suppress(exc.SQLAlchemyError):  # the lock went with its connection
                    held.execute(text(f"SELECT pg_advisory_unlock({_COMMAND})"))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give one transaction; none to a command whose lock was lost with its connection."""
        with super().writing() as connection:
            if self._held is not None:
                self._held.execute(text("SELECT 1"))
            yield connection

    def last_id(self, connection: Connection, table: Table) -> int:
        """Ask the table's sequence."""
        given = connection.execute(select(func.pg_sequence_last_value(_sequence(table)))).scalar()
        return max(given or 0, largest_id(connection, table))

    def give_ids_after(self, connection: Connection, table: Table, last: int) -> None:
        """Set the table's sequence."""
        if last:
            connection.execute(select(func.setval(_sequence(table), last)))

    def _has_schema(self, connection: Connection) -> bool:
        return connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is not None

    def _prepare(self) -> None:
        """Everything of the schema is part of one transaction here."""

    def _name(self, error: Exception) -> IndexerError:
        state = str(getattr(error, "sqlstate", None) or "")
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        if state.startswith("53"):  # insufficient resources
            return NoSpace(
                f"{self.where} has no room left: {said}", "free some, and run the same command again"
            )
        if state in {
            "55P03",
            "40001",
            "40P01",
        }:  # a lock that was waited for, or two that waited for each other
            return StoreLocked(f"{self.where} is held by another process", "wait for it, or stop it")
        if state.startswith(("22", "3F")) or (
            not state and type(error).__name__ in {"DataError", "ProgrammingError"}
        ):
            return UsageRefused(f"{self.where} does not take it: {said}", "mend its URL, or the value")
        if state in {"42501", "25006"} or state.startswith("28"):
            return PermissionRefused(f"{self.where}: {said}", "check the user's rights, and the password")
        if state.startswith("XX"):
            return StoreDamaged(f"{self.where} is damaged: {said}", "restore it from a backup")
        if state.startswith(("08", "57", "3D")) or (not state and _is_operational(error)):
            return EngineUnavailable(f"{self.where}: {said}", "start it, or mend its URL")
        raise error


def _sequence(table: Table) -> ColumnElement[str]:
    return cast(func.pg_get_serial_sequence(table.name, "id"), REGCLASS)


def _is_operational(error: Exception) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError", "ConnectionTimeout"}


def _engine(url: Any) -> Engine:
    options = {"connect_timeout": _CONNECT_S, "application_name": "siamese-index", **_ALIVE}
    return create_engine(url, connect_args=options, poolclass=pool.NullPool)


def _begin_writing(connection: Connection) -> None:
    """Become the one writer; a transaction that only reads by way of this engine is one for as short."""
    if connection.get_isolation_level() == "AUTOCOMMIT":
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_WAIT_MS}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TRANSACTION})")
