"""Move an index's database to another engine: every row, held to what it was, and then the settings that name it.

Nobody else writes from before the first row is read until the settings are replaced. A copy that is stopped before that
leaves the index where it was; one that is stopped after it has moved it.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, String, Table, collate, insert, select

from indexer import durable
from indexer.column_types import stored_type
from indexer.database import Database
from indexer.durable import failpoint
from indexer.errors import StoreDamaged, UsageRefused
from indexer.location import DATABASE_FILE, SETTINGS_FILE
from indexer.postgres import PostgresDatabase
from indexer.sqlite import SqliteDatabase
from indexer.store import Store
from indexer.tables import Base

SQLITE = "sqlite"  # the file beside the index
_FRESH_FILE = f"copied{durable.TEMPORARY_SUFFIX}"
_ROWS_AT_ONCE = 1000
_SETTING = re.compile(r"^[ \t]*database[ \t]*=[^\n]*\n?", re.MULTILINE)


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

    A file that is left, or lies where the new one comes, is kept under another name.

    Raises:
        UsageRefused: it is there already, the target is in use by an index, or the settings cannot be replaced.
        StoreLocked, NoSpace, PermissionRefused, EngineUnavailable: the index stays where it was.
        StoreDamaged: what was read back from the target is not what was written.
    """
    if os.environ.get("INDEX_DATABASE"):
        raise UsageRefused(
            "INDEX_DATABASE names the database, whatever index.toml says",
            "unset it, put it into index.toml as `database`",
        )
    with store.writing():
        source, wanted = store.database, None if url == SQLITE else url
        settings = _renamed(store.path / SETTINGS_FILE, wanted)
        target = SqliteDatabase(store.path / _FRESH_FILE) if wanted is None else PostgresDatabase(wanted)
        if isinstance(source, SqliteDatabase) if wanted is None else target.where == source.where:
            raise UsageRefused(f"the index's database is {source.where} already")
        target.migrate()
        with source.writing() as old:  # what others would add meanwhile would be lost
            rows = _copy_rows(old, source, target)
            failpoint("copy.before_switch")
            where = target.where
            if isinstance(target, SqliteDatabase):
                where = _put_in_place(target, store.path / DATABASE_FILE)
            durable.replace_file(store.path / SETTINGS_FILE, settings)
        failpoint("copy.after_switch")
        if isinstance(source, SqliteDatabase):
            source.set_aside()
    return CopyReport(source.where, where, rows)


def _copy_rows(old: Connection, source: Database, target: Database) -> dict[str, int]:
    """Copy in one transaction, so that the rows are all there or none."""
    counts = {}
    with target.writing() as new:
        for table in Base.metadata.sorted_tables:
            if new.execute(select(*table.primary_key).limit(1)).first() is not None:
                raise UsageRefused(
                    f"{target.where} holds an index, or a copy, already", "name an empty database"
                )
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
    """Yield a table's rows by its key, in the same order whichever engine has them."""
    engine = connection.dialect.name
    ordered = select(table).order_by(*(_by_bytes(column, engine) for column in table.primary_key))
    return connection.execute(ordered.execution_options(yield_per=_ROWS_AT_ONCE)).partitions()


def _by_bytes(column: Column[Any], engine: str) -> ColumnElement[Any]:
    """Text in the order of its bytes: PostgreSQL has it in that of the database's language."""
    is_text = isinstance(stored_type(column), String) and engine == "postgresql"
    return collate(column, "C") if is_text else column


def _digest(connection: Connection, table: Table) -> str:
    """SHA-256, in hex, over all rows of a table by its key."""
    digest = hashlib.sha256()
    for part in _parts(connection, table):
        for row in part:
            digest.update(repr(tuple(row)).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _put_in_place(fresh: SqliteDatabase, path: Path) -> str:
    """Give a complete file its name; one that is there, which no settings name, is set aside."""
    fresh.close_log()
    if path.exists():
        SqliteDatabase(path).set_aside()
    durable.replace(fresh.path, path)
    return str(path)


def _renamed(settings: Path, url: str | None) -> bytes:
    """Return the settings with another database; everything else stays as the user wrote it.

    Raises:
        UsageRefused: it is written in a way that cannot be replaced.
    """
    before = settings.read_text(encoding="utf-8")
    line = "" if url is None else f"database = {_toml_string(url)}\n"
    after = line + _SETTING.sub("", before)
    wanted = {name: value for name, value in tomllib.loads(before).items() if name != "database"}
    try:
        said = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        said = {}
    if said != wanted | ({} if url is None else {"database": url}):
        raise UsageRefused(
            f"{settings}: cannot replace what it says of `database`", "take that out of it, and copy again"
        )
    return after.encode()


def _toml_string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
