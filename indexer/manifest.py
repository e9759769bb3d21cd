"""Labels files and manifests: CSV or Parquet with ``path``, ``label`` and any further column as an attribute."""

import csv
import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.errors import UsageRefused, os_errors
from indexer.remote import is_remote

MANIFEST_SUFFIXES = frozenset({".csv", ".parquet"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a manifest says of one picture."""

    label: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def is_manifest(path: Path) -> bool:
    """Tell a manifest by its suffix."""
    return path.suffix.lower() in MANIFEST_SUFFIXES


def read_manifest(path: Path, roots: Iterable[str] = (), listed: Container[str] = ()) -> dict[str, Facts]:
    """Read a manifest as {absolute path: facts}.

    A relative path is looked for beside the manifest, then below each of ``roots``; one that is found nowhere is
    taken to lie beside the manifest. What lies on an object store is found among the URLs ``listed``.

    Raises:
        UsageRefused: not a table, no ``path`` column, or one path with two different labels.
    """
    folders = [os.path.realpath(path.parent), *roots]
    facts: dict[str, Facts] = {}
    for number, row in enumerate(_rows(path), start=2):
        name = row.pop("path", "")
        if not name:
            raise UsageRefused(
                f"{path}, row {number}: no path", "every row needs a value in the column `path`"
            )
        label = row.pop("label", "") or None
        found = Facts(label, {key: value for key, value in row.items() if value})
        target = _resolve(name, folders, listed)
        if facts.setdefault(target, found) != found:
            raise UsageRefused(f"{path}, row {number}: {name} was already listed with other values")
    return facts


def _resolve(name: str, folders: list[str], listed: Container[str]) -> str:
    if is_remote(name):
        return name
    for folder in folders:
        if is_remote(folder):
            if (url := f"{folder}/{name}") in listed:
                return url
        elif os.path.lexists(path := os.path.normpath(os.path.join(folder, name))):
            return path
    return os.path.normpath(os.path.join(folders[0], name))


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with os_errors(f"reading {path}"):
        if not path.is_file():
            raise UsageRefused(f"{path} is not a file")
        try:
            rows = _parquet_rows(path) if path.suffix.lower() == ".parquet" else _csv_rows(path)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageRefused(f"{path} is not a CSV file in UTF-8: {error}") from error
    if rows and "path" not in rows[0]:
        raise UsageRefused(f"{path} has no column `path`; it has {', '.join(rows[0])}")
    return rows


def _csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="", strict=True)
        rows = []
        for row in reader:
            if None in row:
                raise UsageRefused(f"{path}, line {reader.line_num}: more values than columns")
            rows.append({key.strip(): value.strip() for key, value in row.items()})
        return rows


def _parquet_rows(path: Path) -> list[dict[str, str]]:
    pa, parquet = require_pyarrow(f"reading {path}")
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except (
        pa.ArrowException,
        OSError,
    ) as error:  # an error of the system's has a number, one of the format's has none
        if getattr(error, "errno", None):
            raise
        raise UsageRefused(f"{path} is not a Parquet file: {error}") from error
    return [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]


def require_pyarrow(doing: str) -> tuple[Any, Any]:
    """Import pyarrow, or say how to get it."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UsageRefused(f"{doing} needs pyarrow", "pip install 'siamese-index[parquet]'") from error
    return pa, parquet
