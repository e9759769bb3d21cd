"""Fill a vector store with an index's contents: for programs that search a Milvus server themselves, or a folder."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
from sqlalchemy import Connection, select

from indexer.committed import Committed, require_generation
from indexer.errors import UsageRefused
from indexer.sound_rows import ItemFacts, read_items
from indexer.store import Store
from indexer.tables import File
from indexer.vectors.filters import Kind
from indexer.vectors.open import open_vectors
from indexer.vectors.protocol import Columns
from retrieval.encoder import Space
from retrieval.errors import VectorsInvalid
from retrieval.metric import Metric
from retrieval.similarity import Float32, Int64

ATTRIBUTES = {"path": Kind.TEXT, "label": Kind.TEXT, "sha256": Kind.TEXT}
_ITEMS_AT_ONCE = 2000


def export_to_engine(store: Store, url: str, space: str | None = None) -> int:
    """Put every content's vector in one space where the URL says, in place of all that is there; return how many.

    The id is the content's in the index; its attributes are ``sha256`` in hex, and the ``path``, as the user can open it,
    and ``label`` of the first of its files. Whoever searches meanwhile finds what was there before. The watermark is the
    generation.

    Raises:
        UsageRefused: no such space or store, or vectors that are not compared by cosine, or are all zeros.
        EngineUnavailable: the server does not answer; what was there before still is.
        StoreDamaged: a row is not what was written.
    """
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        chosen = generation.space(space)
        if chosen.metric is not Metric.COSINE:
            raise UsageRefused(
                f"space {chosen.name!r} is compared by distance: a vector store takes vectors of unit length"
            )
        with closing(open_vectors(url, chosen.dim, ATTRIBUTES)) as engine:
            try:
                engine.refill(_batches(store, connection, generation, chosen), generation.id)
            except VectorsInvalid as error:  # the encoder gave a picture a vector of nothing but zeros
                raise UsageRefused(
                    f"{url} does not take a vector of space {chosen.name!r}: {error}",
                    "export to a file, or take the pictures out that have no direction: `index remove`",
                ) from error
    return generation.item_count


def _batches(
    store: Store, connection: Connection, generation: Committed, space: Space
) -> Iterator[tuple[Int64, Float32, Columns]]:
    ids = list(connection.execute(select(File.item_id).distinct().order_by(File.item_id)).scalars())
    for start in range(0, len(ids), _ITEMS_AT_ONCE):
        items = read_items(connection, generation, space, ids[start : start + _ITEMS_AT_ONCE])
        rows = [_row(store, item) for item in items.values()]
        columns = {name: np.array([row[name] for row in rows], np.str_) for name in ATTRIBUTES}
        yield np.array(list(items), np.int64), np.stack([item.vector for item in items.values()]), columns


def _row(store: Store, item: ItemFacts) -> dict[str, str]:
    first = item.files[0]
    return {
        "path": store.shown_path(first.path).encode("utf-8", "backslashreplace").decode(),
        "label": first.label or "",
        "sha256": item.sha256.hex(),
    }
