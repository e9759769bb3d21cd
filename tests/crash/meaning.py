"""What a folder with an index means: what its tables tell and its files hold, without ids, dates and run names."""

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

from tests.crash.oracle import database_copy

Meaning = dict[str, Any]
_FILES = "files JOIN items ON items.id = item_id"
_VECTORS = "embeddings JOIN items ON items.id = item_id WHERE item_id IN (SELECT item_id FROM files)"
TOLD = {
    "files": ("path, hex(sha256), label, attributes", _FILES),
    "embeddings": ("DISTINCT space, hex(sha256), hex(vector)", _VECTORS),
    "assigned_labels": ("hex(sha256), label", "assigned_labels"),
    "exclusions": ("path", "exclusions"),
    "decisions": ("hex(first_sha256), hex(second_sha256), verdict, source", "decisions"),
    "calibrations": ("DISTINCT space, source", "calibrations"),
    "listings": ("list, hex(sha256), label, note, active", "listings"),
    "nights": ("DISTINCT item_count", "nights"),
    "findings": ("kind, hex(first_sha256), hex(second_sha256), state, source", "findings"),
    "disposals": ("DISTINCT action, path", "disposals WHERE state = 'done'"),
}


def meaning(folder: Path) -> Meaning:
    store = folder / ".index"
    told: Meaning = {name: [] for name in TOLD}
    if (store / "catalog.db").exists():
        with database_copy(store) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            for name, (columns, source) in TOLD.items():
                if name in tables:
                    told[name] = _rows(connection, f"SELECT {columns} FROM {source}")
    told["disk"] = {
        str(path.relative_to(folder)): (sha256_of(path), path.stat().st_nlink)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".tmp" and store not in path.parents
    }
    told["trash"] = sorted(sha256_of(path) for path in (store / "trash").rglob("*") if path.is_file())
    told["aside"] = sorted(path.name for path in store.glob("*-set-aside-*"))
    return told


def _rows(connection: sqlite3.Connection, statement: str) -> list[str]:
    try:
        return sorted(map(repr, connection.execute(statement)))
    except sqlite3.DatabaseError as error:  # as the jobs that repair begin
        return [str(error)]


def differences(ours: Meaning, theirs: Meaning) -> list[str]:
    return [f"{name}: {ours[name]} instead of {theirs[name]}" for name in ours if ours[name] != theirs[name]]


def contents(told: Meaning) -> list[str]:
    """The contents of all files, wherever they lie."""
    return [*told["trash"], *(sha256 for sha256, _ in told["disk"].values())]


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
