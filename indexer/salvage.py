"""Save what can be read of a database that SQLite finds malformed, into a new one; the old one is kept aside."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Table

from indexer import durable
from indexer.database import Database
from indexer.errors import os_errors
from indexer.store import SALVAGED_FILE, Store
from indexer.tables import Base

LOGS = ("-wal", "-shm")


def salvage(store: Store) -> str:
    """Put a new database in place of a malformed one; say what was saved.

    Call it under the writer's lock. Until the last rename the malformed database stays where it is, so a salvage
    that is killed is simply run again.

    Raises:
        NoSpace, PermissionRefused: nothing was changed.
    """
    fresh = Database(store.path / SALVAGED_FILE)
    with os_errors(f"salvaging {store.database.path}"):
        for suffix in ("", *LOGS):
            durable.unlink(_beside(fresh.path, suffix))
        fresh.migrate()
        with closing(sqlite3.connect(fresh.path)) as target:
            target.execute("PRAGMA foreign_keys=OFF")
            saved = {
                table.name: _copy_rows(store.database.path, target, table)
                for table in Base.metadata.sorted_tables
            }
            target.execute("PRAGMA journal_mode=DELETE")
        with suppress(sqlite3.Error), closing(sqlite3.connect(store.database.path)) as damaged:
            damaged.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        aside = _set_aside(store.database.path)
        for suffix in LOGS:  # SQLite would apply the old file's log to the new one
            durable.unlink(_beside(store.database.path, suffix))
        durable.replace(fresh.path, store.database.path)
    rows = ", ".join(f"{count} {name}" for name, count in saved.items() if count)
    return f"saved {rows or 'nothing'} of the malformed database, which is kept as {aside.name}"


def _set_aside(database: Path) -> Path:
    """Give the malformed database a second name that stays; the one that it has, if a salvage was killed after that."""
    kept = sorted(database.parent.glob(f"{database.name}.damaged-*"))
    known = next((path for path in kept if path.samefile(database)), None)
    if known is not None:
        return known
    aside = database.with_name(f"{database.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
    while aside in kept:  # of another salvage in the same second
        aside = aside.with_name(f"{aside.name}-again")
    aside.hardlink_to(database)
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def _copy_rows(source_path: Path, target: sqlite3.Connection, table: Table) -> int:
    """Copy every row that can be read and that the schema accepts; return how many."""
    documents = {column.name for column in table.columns if isinstance(column.type, JSON)}
    count = 0
    with target:
        for row in _readable_rows(source_path, table):
            names, marks = ", ".join(row), ", ".join("?" for _ in row)
            try:
                for name in documents & set(row):
                    json.loads(row[name])
                statement = f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608  (our own names)
                target.execute(statement, (*row.values(),))
            except (sqlite3.Error, TypeError, ValueError):  # not a row that was written by us
                continue
            count += 1
    return count


def _lenient_text(value: bytes) -> str:
    """Read text even where it is no UTF-8 any more: its row's checksum will tell."""
    return value.decode("utf-8", "replace")


def _readable_rows(path: Path, table: Table) -> Iterator[dict[str, Any]]:
    """Read a table from its first row on, and past a damaged page from its last row back."""
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        try:
            with closing(sqlite3.connect(path)) as source:
                source.text_factory = _lenient_text
                source.execute("PRAGMA query_only=ON")
                names = _column_names(source, table)
                places = ", ".join(f"c{place}" for place in range(len(names)))
                cursor = source.execute(
                    f"WITH found(id, {places}) AS (SELECT rowid, * FROM {table.name} NOT INDEXED) "  # noqa: S608  (our own names)
                    f"SELECT id, {places} FROM found ORDER BY id {order}"
                )
                for rowid, *row in cursor:
                    if rowid in seen:
                        break
                    seen.add(rowid)
                    yield {
                        name: value for name, value in zip(names, row, strict=True) if name in table.columns
                    }
                else:
                    return
        except sqlite3.Error:
            continue


def _column_names(source: sqlite3.Connection, table: Table) -> list[str]:
    """Name a table's columns as it has them; those that the schema does not know stand for those that are missing.

    Python cannot even ask for a column whose own name is damaged, so that rows are read by its place.
    """
    found = [name for (name,) in source.execute("SELECT name FROM pragma_table_info(?)", (table.name,))]
    known = [column.name for column in table.columns]
    missing = iter([name for name in known if name not in found])
    return [name if name in known else next(missing, name) for name in found]
