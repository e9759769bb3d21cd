"""The database: one snapshot per reader, one transaction per writer, its migrations. Which engine keeps it is a subclass."""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, Table, exc, func, select, text

from indexer.column_types import UnsoundValue
from indexer.durable import failpoint
from indexer.errors import IndexerError, NewerFormat, StoreDamaged
from indexer.tables import KNOWN_REVISIONS, SCHEMA_REVISION

# What is logged there is raised too, and worded where it is caught; without a handler it would reach stderr.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

REPAIR_HINT = "run `index check --repair`"


class Database(ABC):
    """The truth of one index. Readers see one committed state; a writer commits all or nothing.

    ``where`` names it in messages. A subclass gives both engines, and names what its driver raises.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._engine, self._reading_engine = (
            engine.execution_options(where=where) for engine in self._engines()
        )
        self._snapshot: Connection | None = None

    @abstractmethod
    def _engines(self) -> tuple[Engine, Engine]:
        """Make what writes and what reads; each begins its transactions by itself."""

    @abstractmethod
    def exists(self) -> bool:
        """Tell whether there is a database at all; it may have no tables yet."""

    @abstractmethod
    def problems(self, connection: Connection) -> tuple[str, int]:
        """Ask the engine about its own structure: what is broken, in words, and how many rows lack their parents."""

    @abstractmethod
    def last_id(self, connection: Connection, table: Table) -> int:
        """Return the largest id that a table ever gave, 0 where it gave none: an id is never given twice."""

    @abstractmethod
    def give_ids_after(self, connection: Connection, table: Table, last: int) -> None:
        """Have a table give ids from beyond ``last``."""

    @abstractmethod
    def _has_schema(self, connection: Connection) -> bool:
        """Tell whether any migration was ever run."""

    @abstractmethod
    def _prepare(self) -> None:
        """Do what comes before a migration, or after a salvage, and cannot be part of a transaction."""

    @abstractmethod
    def _name(self, error: Exception) -> IndexerError:
        """Say what the driver raised, as an error with its exit code.

        Raises:
            Exception: that same error, where it can only be a bug of ours.
        """

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Keep out writers on other machines, as the store's lock does those of this one.

        Raises:
            StoreLocked: one is at work.
        """

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one snapshot: every statement inside the block sees the same committed state."""
        if self._snapshot is not None:
            with self.named_errors():
                yield self._snapshot
            return
        with self.named_errors(), self._reading_engine.connect() as connection, connection.begin():
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
        with self.named_errors(), writer.connect() as connection, connection.begin():
            yield connection
            failpoint("transaction.before_commit")
        failpoint("transaction.after_commit")

    def revision(self) -> str | None:
        """Return the schema's revision, or None for a database that has no tables yet.

        Raises:
            IndexNotFound: there is no database.
            NewerFormat: the revision is not one that this version knows.
        """
        with self.reading() as connection:
            if not self._has_schema(connection):
                return None
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision not in KNOWN_REVISIONS:
            raise NewerFormat(
                f"{self.where} has schema {revision!r}; this version knows {', '.join(KNOWN_REVISIONS)}",
                "upgrade this program, or use another --store",
            )
        return str(revision)

    def is_outdated(self, revision: str) -> bool:
        """Tell whether a known revision is older than this version's."""
        return revision != SCHEMA_REVISION

    def migrate(self) -> None:
        """Bring the schema to this version's revision, in one transaction; create what is missing."""
        with self.named_errors():
            self._prepare()
        if self.revision() == SCHEMA_REVISION:
            return
        from alembic import command
        from alembic.config import Config

        with self.named_errors(), self._engine.connect() as connection, connection.begin():
            config = Config()
            config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            failpoint("migrate.before_commit")

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Name what the driver raises inside the block, and values that cannot be read."""
        try:
            yield
        except exc.DBAPIError as error:
            raise self._name(error.orig if isinstance(error.orig, Exception) else error) from error
        except (json.JSONDecodeError, UnicodeDecodeError, UnsoundValue) as error:
            raise StoreDamaged(
                f"{self.where} holds a value that cannot be read: {error}", REPAIR_HINT
            ) from error


def largest_id(connection: Connection, table: Table) -> int:
    """Return the largest id of a table's rows, 0 where it has none."""
    return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())


def migrations_directory() -> Path:
    """Where the Alembic scripts lie: inside the wheel, or beside the packages in a checkout."""
    packaged = Path(__file__).parent / "_migrations"
    return packaged if packaged.exists() else Path(__file__).parent.parent / "alembic"
