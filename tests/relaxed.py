"""Values in an index's database that its definitions forbid, as damage may put them there."""

import sqlite3
from contextlib import closing
from pathlib import Path


def change_relaxed(database: Path, table: str, statement: str) -> None:
    """Run a statement on a table while its definition and its references forbid nothing."""
    with closing(sqlite3.connect(database)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    for definition, change in ((sql.replace(" NOT NULL", ""), statement), (sql, "SELECT 1")):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("PRAGMA writable_schema=ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (definition, table))
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute(change)
