"""Move an index's database to another engine: every row, held to what it was, and then the settings that name it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from indexer import durable
from indexer.database import Database
from indexer.durable import failpoint
from indexer.errors import StoreDamaged, UsageRefused
from indexer.location import DATABASE_FILE, SETTINGS_FILE
from indexer.postgres import PostgresDatabase
from indexer.sqlite import SqliteDatabase
from indexer.store import Store
from indexer.tables import Base

SQLITE = "sqlite"  # the file beside the index
_ROWS_AT_ONCE = 1000
_SETTING = re.compile(r"^#?\s*database\s*=.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class CopyReport:
    """Where the database was and is, and how many rows of each table were copied."""

    source: str
    target: str
    rows: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def copy_database(store: Store, url: str) -> CopyReport:
    """Copy all tables to the database at ``url``, hold them to the source, and use it from then on.

    The target's transaction is committed before the settings are replaced: a copy that is killed leaves the index
    where it was. A file that is left is kept under another name.

    Raises:
        UsageRefused: it is there already, or the target is in use by an index.
        StoreLocked, NoSpace, PermissionRefused, EngineUnavailable: the index stays where it was.
        StoreDamaged: what was read back from the target is not what was written.
    """
    source = store.database
    target: Database = SqliteDatabase(store.path / DATABASE_FILE) if url == SQLITE else PostgresDatabase(url)
    if target.where == source.where:
        raise UsageRefused(f"the index's database is {source.where} already")
    with store.writing():
        if target.exists() and target.revision() is not None:
            raise UsageRefused(
                f"{target.where} holds the tables of an index already", "name an empty database"
            )
        rows = _copy_rows(source, target)
        failpoint("copy.before_switch")
        _switch(store.path / SETTINGS_FILE, None if url == SQLITE else url)
        failpoint("copy.after_switch")
        if isinstance(source, SqliteDatabase):
            source.set_aside()
    return CopyReport(source.where, target.where, rows)


def _copy_rows(source: Database, target: Database) -> dict[str, int]:
    """Copy in one transaction, so that a copy is whole or was never there."""
    target.migrate()
    counts = {}
    with source.reading() as old, target.writing() as new:
        for table in Base.metadata.sorted_tables:
            counts[table.name] = _copy_table(old, new, table)
            if table.autoincrement_column is not None:
                target.give_ids_after(new, table, source.last_id(old, table))
            if _digest(old, table) != _digest(new, table):
                raise StoreDamaged(
                    f"table {table.name} in {target.where} is not what was written", "try again"
                )
    return counts


def _copy_table(old: Connection, new: Connection, table: Table) -> int:
    count = 0
    for part in _parts(old, table):
        new.execute(insert(table), [dict(row._mapping) for row in part])  # noqa: SLF001  (SQLAlchemy's own public name)
        count += len(part)
    return count


def _parts(connection: Connection, table: Table) -> Iterator[Any]:
    ordered = select(table).order_by(*table.primary_key)
    return connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE)).partitions()


def _digest(connection: Connection, table: Table) -> str:
    """SHA-256, in hex, over all rows of a table by its key."""
    digest = hashlib.sha256()
    for part in _parts(connection, table):
        for row in part:
            digest.update(repr(tuple(row)).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _switch(settings: Path, url: str | None) -> None:
    """Have the settings name the database; the other lines stay as the user wrote them."""
    lines = _SETTING.sub("", settings.read_text(encoding="utf-8"))
    line = "" if url is None else f"database = {_toml_string(url)}\n"
    durable.replace_file(settings, (line + lines).encode())


def _toml_string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
