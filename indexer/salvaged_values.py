"""What a salvage makes of a row in which a value is not of its column's type."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Table
from sqlalchemy.dialects.sqlite import dialect

from indexer.column_types import stored_type
from indexer.manifest import is_manifest
from indexer.tables import FOLDER, MANIFEST, now

_DIALECT = dialect()
# Nothing hangs on these, nor on when a row was written: the row says what it says without them.
_SPARE = {
    "encoders.name": "",
    "encoders.version": "",
    "vector_collections.applied": None,  # it is filled again
}


def mended(table: Table, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return a row with values that its table takes, or None where it does not say any more what it said.

    Where rows have a checksum an empty value stands for what cannot be: the checksum tells, and the row is treated as any
    other that is not what was written.
    """
    values = {}
    for name, value in row.items():
        column = table.columns[name]
        if _can_be(column, value):
            values[name] = value
        elif "checksum" in table.columns:
            values[name] = _empty(column)
        elif name.endswith("_at"):
            values[name] = now()
        elif f"{table.name}.{name}" == "catalogues.kind" and isinstance(row["path"], bytes):
            values[name] = MANIFEST if is_manifest(Path(os.fsdecode(row["path"]))) else FOLDER
        elif f"{table.name}.{name}" in _SPARE:
            values[name] = _SPARE[f"{table.name}.{name}"]
        else:
            return None
    return values


def _can_be(column: Column[Any], value: Any) -> bool:
    """Tell whether a column takes a value, and could read it back."""
    if value is None:
        return bool(column.nullable)
    read = _reader(column)
    try:
        return read is None or read(value) is not None
    except (TypeError, ValueError):
        return False


@cache
def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    return column.type.result_processor(_DIALECT, None)


def _empty(column: Column[Any]) -> Any:
    kind = stored_type(column)
    return "{}" if isinstance(kind, JSON) else kind.python_type()
