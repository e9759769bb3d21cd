"""Vectors as the database holds them: little-endian float32, one blob for each item, space and encoder."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, select

from indexer.database import REPAIR_HINT
from indexer.errors import StoreDamaged
from indexer.tables import Embedding
from retrieval.encoder import Space
from retrieval.similarity import Float32, Int64

_ROWS_AT_ONCE = 2_000
_IDS_AT_ONCE = 500


def read_vectors(connection: Connection, encoder_id: int, space: Space) -> Iterator[tuple[Int64, Float32]]:
    """Yield every vector of a space, by item id, as ((m,) int64, (m, dim) float32).

    Raises:
        StoreDamaged: a vector does not have the space's dimension.
    """
    statement = (
        select(Embedding.item_id, Embedding.vector)
        .where(Embedding.encoder_id == encoder_id, Embedding.space == space.name)
        .order_by(Embedding.item_id)
    )
    rows = connection.execute(statement.execution_options(yield_per=_ROWS_AT_ONCE))
    for part in rows.partitions():
        yield (
            np.array([row.item_id for row in part], np.int64),
            unpack_vectors((row.vector for row in part), space),
        )


def vectors_of(
    connection: Connection, encoder_id: int, space: Space, ids: Sequence[int]
) -> Iterator[tuple[Int64, Float32]]:
    """Yield the vectors of some items, of those that have one, as ((m,) int64, (m, dim) float32).

    Raises:
        StoreDamaged: a vector does not have the space's dimension.
    """
    for start in range(0, len(ids), _IDS_AT_ONCE):
        rows = connection.execute(
            select(Embedding.item_id, Embedding.vector).where(
                Embedding.encoder_id == encoder_id,
                Embedding.space == space.name,
                Embedding.item_id.in_(ids[start : start + _IDS_AT_ONCE]),
            )
        ).all()
        if rows:
            yield (
                np.array([row.item_id for row in rows], np.int64),
                unpack_vectors((row.vector for row in rows), space),
            )


def directed(batches: Iterable[tuple[Int64, Float32]]) -> Iterator[tuple[Int64, Float32]]:
    """Leave out vectors of length zero, ((m,) int64, (m, dim) float32): no engine takes them, and none is near them."""
    for ids, vectors in batches:
        kept = vectors.any(axis=1)
        yield ids[kept], vectors[kept]


def unpack_vectors(blobs: Iterable[bytes], space: Space) -> Float32:
    """Turn stored blobs into an (m, dim) float32 array.

    Raises:
        StoreDamaged: one of them does not have the space's dimension.
    """
    parts = list(blobs)
    if any(len(part) != 4 * space.dim for part in parts):
        raise StoreDamaged(
            f"a stored vector of space {space.name!r} does not have {space.dim} values", REPAIR_HINT
        )
    return np.frombuffer(b"".join(parts), "<f4").reshape(-1, space.dim).astype(np.float32, copy=False)
