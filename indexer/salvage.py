"""Save what can be read of a database that SQLite finds malformed, into a new one; the old one is kept aside."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from indexer import durable
from indexer.errors import StoreDamaged, os_errors
from indexer.salvaged_values import mended
from indexer.set_aside import write_aside
from indexer.sqlite import SqliteDatabase
from indexer.store import SALVAGED_FILE, Store
from indexer.tables import Base

Rows = list[dict[str, Any]]
LOGS = ("-wal", "-shm")
SAME_DEFINITION = 0.9  # of its characters: those of different tables share 0.77 at most


def salvage(store: Store) -> list[str]:
    """Put a new database in place of a malformed one; say what was saved.

    Call it under the writer's lock. Until the last rename the malformed database stays where it is, so a salvage
    that is killed is simply run again.

    Raises:
        NoSpace, PermissionRefused, StoreLocked: nothing was changed.
        StoreDamaged: the database is a server's, whose files are its own.
    """
    database = store.database
    if not isinstance(database, SqliteDatabase):
        raise StoreDamaged(f"{database.where} cannot be salvaged from here", "restore the server's backup")
    fresh = SqliteDatabase(store.path / SALVAGED_FILE)
    with os_errors(f"salvaging {database.path}"), fresh.named_errors():
        for suffix in ("", *LOGS):
            durable.unlink(_beside(fresh.path, suffix))
        fresh.migrate()
        with closing(sqlite3.connect(fresh.path)) as target:
            target.execute("PRAGMA foreign_keys=OFF")
            copied = {
                table.name: _copy_rows(database.path, target, table) for table in Base.metadata.sorted_tables
            }
            target.execute("PRAGMA journal_mode=DELETE")
        with suppress(sqlite3.Error, UnicodeDecodeError), closing(sqlite3.connect(database.path)) as damaged:
            damaged.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        left = [row for _, rows in copied.values() for row in rows]
        name = write_aside(store.path, "rows", left) if left else ""
        aside = _set_aside(database.path)
        for suffix in LOGS:  # SQLite would apply the old file's log to the new one
            durable.unlink(_beside(database.path, suffix))
        durable.replace(fresh.path, database.path)
    saved = ", ".join(f"{count} {table}" for table, (count, _) in copied.items() if count)
    done = [f"saved {saved or 'nothing'} of the malformed database, which is kept as {aside.name}"]
    if left:
        tables = Counter(row["table"] for row in left)
        counts = ", ".join(f"{count} {table}" for table, count in tables.items())
        done.append(f"set rows aside in {name} that do not say any more what they said: {counts}")
    return done


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


def _copy_rows(source_path: Path, target: sqlite3.Connection, table: Table) -> tuple[int, Rows]:
    """Copy every row that says what it said and that the schema accepts; return how many, and the others."""
    copied = 0
    left: Rows = []
    with target:
        for row in _readable_rows(source_path, table, _definition(target, table)):
            names, marks = ", ".join(row), ", ".join("?" for _ in row)
            statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608  (our own names)
            try:
                values = mended(table, row)
                if values is not None:
                    target.execute(statement, (*values.values(),))
                    copied += 1
                    continue
            except sqlite3.IntegrityError:  # there is one like it, or it is not of its table
                pass
            left.append({"table": table.name} | row)
    return copied, left


def _lenient_text(value: bytes) -> str:
    """Read text even where it is no UTF-8 any more: its row's checksum will tell."""
    return value.decode("utf-8", "replace")


def _definition(database: sqlite3.Connection, table: Table) -> str:
    (sql,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table.name,)).fetchone()
    return str(sql)


def _readable_rows(path: Path, table: Table, definition: str) -> Iterator[dict[str, Any]]:
    """Read a table from its first row on, and past a damaged page from its last row back."""
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        try:
            with SqliteDatabase(path).named_errors(), closing(sqlite3.connect(path)) as source:
                source.text_factory = _lenient_text
                # One damaged definition does not hide the other tables.
                source.execute("PRAGMA writable_schema=ON")
                names = _column_names(source, table)
                if len(names) != len(table.columns):  # none, or two that a damaged comma made one
                    _define(source, table, definition)
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
                    found = {
                        name: value for name, value in zip(names, row, strict=True) if name in table.columns
                    }
                    if (
                        "id" in found and found["id"] is None
                    ):  # which a damaged definition no longer ties to this
                        found["id"] = rowid
                    yield found
                else:
                    return
        except StoreDamaged:  # and nothing else: a disk that is full now is no reason to lose rows
            continue


def _define(source: sqlite3.Connection, table: Table, definition: str) -> None:
    """Put the definition of a table in the place of the damaged one that is most like it, in this connection only."""
    likeness = {
        rowid: SequenceMatcher(None, definition, str(sql), autojunk=False).ratio()
        for rowid, sql in source.execute("SELECT rowid, sql FROM sqlite_master WHERE rootpage > 0")
    }
    nearest = max(likeness, key=likeness.__getitem__, default=None)
    if nearest is None or likeness[nearest] < SAME_DEFINITION:
        return
    source.execute("BEGIN")  # never committed
    source.execute(
        "UPDATE sqlite_master SET type = 'table', name = ?1, tbl_name = ?1, sql = ?2 WHERE rowid = ?3",
        (table.name, definition, nearest),
    )
    source.execute("PRAGMA writable_schema=RESET")  # read the definitions again
    source.execute("PRAGMA writable_schema=ON")


def _column_names(source: sqlite3.Connection, table: Table) -> list[str]:
    """Name a table's columns as it has them; those that the schema does not know stand for those that are missing.

    Python cannot even ask for a column whose own name is damaged, so that rows are read by its place.
    """
    found = [name for (name,) in source.execute("SELECT name FROM pragma_table_info(?)", (table.name,))]
    known = [column.name for column in table.columns]
    missing = iter([name for name in known if name not in found])
    return [name if name in known else next(missing, name) for name in found]
