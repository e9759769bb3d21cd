"""A process that commits to a folder again and again, to be killed: ``python -m tests.engines.committing FOLDER FROM TO``.

What a commit holds follows from its watermark, and the process says each that it made.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from indexer.vectors.faiss_store import FaissStore
from indexer.vectors.filters import Kind
from retrieval.similarity import Float32, Int64, normalise

DIM = 8
KINDS = {"turn": Kind.INT, "label": Kind.TEXT}
ROWS = 200


def contents(watermark: int) -> tuple[Int64, Float32, dict[str, Any]]:
    """Ids, vectors and attributes of a commit: no two have an id's vector in common, and some ids come and go."""
    random = np.random.default_rng(watermark)
    ids = np.sort(random.choice(2 * ROWS, ROWS, replace=False)).astype(np.int64)
    vectors = normalise(random.normal(size=(ROWS, DIM)).astype(np.float32))
    return ids, vectors, {"turn": np.full(ROWS, watermark), "label": np.array([f"é {watermark}"] * ROWS)}


def open_folder(folder: Path) -> FaissStore:
    return FaissStore(folder, DIM, KINDS)


def write(store: FaissStore, watermark: int) -> None:
    """Turn what the store holds into the contents of a watermark."""
    ids, vectors, attributes = contents(watermark)
    store.delete(np.setdiff1d(np.arange(2 * ROWS), ids))
    store.upsert(ids, vectors, attributes)


def main(folder: str, first: str, last: str) -> None:
    store = open_folder(Path(folder))
    for watermark in range(int(first), int(last) + 1):
        write(store, watermark)
        store.commit(watermark)
        print(watermark, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
