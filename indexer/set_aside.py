"""What users wrote and is damaged leaves its table for a text file: what was decided or listed is never just gone."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, select

from indexer.decisions import add_entry, next_entry, of_pair, read_entries
from indexer.durable import replace_file
from indexer.tables import Decision, Listing

_SOURCE = "repair"


def set_aside_decisions(connection: Connection, folder: Path, ids: Sequence[int]) -> str:
    """Move the rows ``ids`` into a file of ``folder``, a JSON document a line; say what was done.

    Where one of them was its pair's newest, the one before it must not count again: the pair is taken back, and
    open to be decided anew. The file is durable before the rows go, and is named by its content: a repair that is
    killed in between writes the same file again.
    """
    rows = [_raw_row(connection, Decision.__tablename__, id_) for id_ in ids]
    name = write_aside(folder, Decision.__tablename__, rows)
    pairs = {(row["first_sha256"], row["second_sha256"]) for row in rows if _was_newest(connection, row)}
    for id_ in ids:
        connection.execute(delete(Decision).where(Decision.id == id_))
    for first, second in sorted(pairs):
        for before in list(read_entries(connection, of_pair(first, second)))[-1:]:
            note = f"a damaged decision was set aside in {name}"
            entry = next_entry(before, before.pair, None, note, _SOURCE)
            if entry is not None:
                add_entry(connection, entry)
    return f"set {len(rows)} damaged decisions aside in {name}; decide these pairs again"


def set_aside_listings(connection: Connection, folder: Path, ids: Sequence[int]) -> str:
    """Move the rows ``ids`` of the lists into a file of ``folder``, as `set_aside_decisions` does; say what was done."""
    rows = [_raw_row(connection, Listing.__tablename__, id_) for id_ in ids]
    name = write_aside(folder, Listing.__tablename__, rows)
    for id_ in ids:
        connection.execute(delete(Listing).where(Listing.id == id_))
    return f"set {len(rows)} damaged listings aside in {name}; list these pictures again"


def write_aside(folder: Path, what: str, rows: Sequence[dict[str, Any]]) -> str:
    """Write rows, a JSON document a line, into a durable file named by its content; return its name."""
    lines = "".join(
        f"{json.dumps({name: _readable(name, value) for name, value in row.items()})}\n" for row in rows
    )
    name = f"{what}-set-aside-{hashlib.sha256(lines.encode()).hexdigest()[:12]}.jsonl"
    replace_file(folder / name, lines.encode())
    return name


def _raw_row(connection: Connection, table: str, id_: int) -> dict[str, Any]:
    """Read a row as SQLite has it, of whatever types."""
    found = connection.exec_driver_sql(f"SELECT * FROM {table} WHERE id = ?", (id_,))  # noqa: S608  (our own name)
    return dict(found.mappings().one())


def _was_newest(connection: Connection, row: dict[str, Any]) -> bool:
    """Tell whether a row counted: its date may be what is damaged, so being the last that was added will do."""
    if not all(isinstance(row[name], bytes) for name in ("first_sha256", "second_sha256")):
        return False
    pair = of_pair(row["first_sha256"], row["second_sha256"])
    orders = [(Decision.id.desc(),), (Decision.decided_at.desc(), Decision.id.desc())]
    newest = [select(Decision.id).where(pair).order_by(*order).limit(1) for order in orders]
    return row["id"] in {connection.execute(statement).scalar_one() for statement in newest}


def _readable(name: str, value: object) -> object:
    if isinstance(value, bytes):
        return os.fsdecode(value) if name.endswith("path") else value.hex()
    return value
