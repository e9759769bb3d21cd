"""`index export`: paths, labels, attributes and vectors, for tools that are not ours."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from indexer.committed import require_generation
from indexer.durable import replace_file
from indexer.errors import UsageRefused
from indexer.manifest import require_pyarrow
from indexer.sound_rows import read_items
from indexer.store import Store
from indexer.tables import File
from retrieval.similarity import Float32


def export(store: Store, target: Path, space: str | None = None) -> int:
    """Write every file of the index, with its vector in one space, to .npz, .parquet or .csv; return how many.

    Raises:
        UsageRefused: another suffix, or no such space.
        StoreDamaged: a row is not what was written; nothing is exported then.
    """
    writers: dict[str, Callable[[list[dict[str, Any]], Float32], bytes]] = {
        ".npz": _npz,
        ".parquet": _parquet,
        ".csv": _csv,
    }
    if target.suffix.lower() not in writers:
        raise UsageRefused(
            f"cannot export to {target.name!r}", f"end its name with one of {', '.join(writers)}"
        )
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        chosen = generation.space(space)
        ids = list(connection.execute(select(File.item_id).distinct().order_by(File.item_id)).scalars())
        items = read_items(connection, generation, chosen, ids)
    places = sorted(
        ((file, item) for item in items.values() for file in item.files), key=lambda place: place[0].path
    )
    rows = [
        {
            "path": store.shown_path(file.path),
            "label": file.label or "",
            "sha256": item.sha256.hex(),
            "attributes": json.dumps(file.attributes, sort_keys=True),
        }
        for file, item in places
    ]
    vectors = (
        np.stack([item.vector for _, item in places]) if places else np.empty((0, chosen.dim), np.float32)
    )
    replace_file(target, writers[target.suffix.lower()](rows, vectors))
    return len(rows)


def _npz(rows: list[dict[str, Any]], vectors: Float32) -> bytes:
    columns = {
        name: np.array([row[name] for row in rows], np.str_)
        for name in ("path", "label", "sha256", "attributes")
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, vectors=vectors, **columns)
    return buffer.getvalue()


def _parquet(rows: list[dict[str, Any]], vectors: Float32) -> bytes:
    pa, parquet = require_pyarrow("exporting to Parquet")
    names = ("path", "label", "sha256", "attributes")
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
    flat = pa.array(vectors.ravel(), pa.float32())
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _csv(rows: list[dict[str, Any]], vectors: Float32) -> bytes:
    """Write one column a dimension; a text that a spreadsheet would run as a formula gets a leading apostrophe."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    names = ["path", "label", "sha256", "attributes"]
    writer.writerow([*names, *(f"v{i}" for i in range(vectors.shape[1]))])
    for row, vector in zip(rows, vectors, strict=True):
        writer.writerow([*(_inert(row[name]) for name in names), *(f"{value:.9g}" for value in vector)])
    return buffer.getvalue().encode("utf-8", "surrogateescape")


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
