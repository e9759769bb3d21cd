"""Generations: the committed states of an index, and the one transaction that commits a new one.

Everything that a generation is made of happens inside a single transaction of the database: file rows change, contents
that no file holds any more leave, FAISS files are written durably beside, and the generation's row is inserted.
Before that transaction commits, readers see the old generation; after it, the new one; there is no third state.

=============================  ==========================================================================
a crash                        leaves
=============================  ==========================================================================
before the transaction         embeddings that no file refers to: the next build finds and uses them
while a FAISS file is written  a ``*.tmp`` file: the next writer removes it
after it, before the commit    a complete FAISS file that no generation names: the next writer removes it
after the commit               FAISS files of generations that are not kept: the next writer removes them
=============================  ==========================================================================
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select

from indexer.database import REPAIR_HINT
from indexer.durable import failpoint
from indexer.errors import IndexNotFound, NewerFormat, StoreDamaged, UsageRefused
from indexer.store import Store
from indexer.tables import FORMAT_VERSION, Embedding, Encoder, FaissFile, File, Generation, Item
from retrieval.encoder import EncoderSpec, Space, parse_spec
from retrieval.errors import EncoderInvalid
from retrieval.search import build_index
from retrieval.similarity import Float32, Int64, Metric

KEPT_GENERATIONS = 2
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True)
class CommittedFaiss:
    """What the database says of one space's FAISS file."""

    sha256: str
    size_bytes: int
    kind: str
    recall: float


@dataclass(frozen=True)
class Committed:
    """The current generation, as its transaction wrote it."""

    id: int
    created_at: str
    metric: Metric
    item_count: int
    file_count: int
    encoder_id: int
    encoder_source: str
    fingerprint: str
    spec: EncoderSpec
    faiss: dict[str, CommittedFaiss]

    def space(self, name: str | None) -> Space:
        """Return the space called ``name``, or the encoder's default one.

        Raises:
            UsageRefused: no such space.
        """
        try:
            return self.spec.space(name)
        except EncoderInvalid as error:
            raise UsageRefused(str(error)) from error


def current_generation(connection: Connection) -> Committed | None:
    """Return the newest generation, or None where nothing was committed yet.

    Raises:
        NewerFormat: written by a newer version.
        StoreDamaged: the rows that describe it contradict each other.
    """
    statement = (
        select(Generation, Encoder.source, Encoder.fingerprint, Encoder.spec)
        .join(Encoder, Encoder.id == Generation.encoder_id, isouter=True)
        .order_by(Generation.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).mappings().first()
    if row is None:
        return None
    if not isinstance(row["format_version"], int):
        raise StoreDamaged(f"generation {row['id']} has no format version", REPAIR_HINT)
    if row["format_version"] > FORMAT_VERSION:
        raise NewerFormat(
            f"generation {row['id']} has format {row['format_version']}; this version knows {FORMAT_VERSION}",
            "upgrade this program, or use another --store",
        )
    try:
        spec = spec_from_row(row["spec"])
        metric = Metric(row["metric"])
    except (EncoderInvalid, ValueError, TypeError, KeyError) as error:
        raise StoreDamaged(f"generation {row['id']} cannot be read: {error}", REPAIR_HINT) from error
    files = connection.execute(
        select(FaissFile.__table__).where(FaissFile.generation_id == row["id"])
    ).mappings()
    faiss = {f["space"]: CommittedFaiss(f["sha256"], f["size_bytes"], f["kind"], f["recall"]) for f in files}
    if set(faiss) != {space.name for space in spec.spaces}:
        raise StoreDamaged(f"generation {row['id']} lacks the FAISS file of a space", REPAIR_HINT)
    return Committed(
        id=row["id"],
        created_at=row["created_at"],
        metric=metric,
        item_count=row["item_count"],
        file_count=row["file_count"],
        encoder_id=row["encoder_id"],
        encoder_source=row["source"],
        fingerprint=row["fingerprint"],
        spec=spec,
        faiss=faiss,
    )


def spec_from_row(document: object) -> EncoderSpec:
    """Read the spec that an `encoders` row holds.

    Raises:
        EncoderInvalid: it cannot be read.
    """
    return parse_spec(json.dumps(document))


def require_generation(connection: Connection, store: Store) -> Committed:
    """Return the current generation.

    Raises:
        IndexNotFound: nothing was committed yet.
    """
    generation = current_generation(connection)
    if generation is None:
        raise IndexNotFound(f"nothing was committed yet in {store.path}", "run `index build FOLDER`")
    return generation


def commit_generation(
    store: Store,
    encoder_id: int,
    metric: Metric,
    exact_limit: int,
    change: Callable[[Connection], None],
    *,
    rebuild_cache: bool = False,
) -> Committed:
    """Apply ``change`` to the file rows and commit the result as a new generation.

    The FAISS files of the last generation serve again where the items are the same, unless ``rebuild_cache``.

    Raises:
        NoSpace, PermissionRefused, StoreDamaged: the previous generation stays the current one.
    """
    with store.database.writing() as connection:
        previous, held_before = current_generation(connection), _held_items(connection)
        change(connection)
        _drop_unreferenced(connection, encoder_id)
        failpoint("generation.rows_changed")
        same_items = held_before == _held_items(connection)
        item_count = connection.execute(select(func.count()).select_from(Item)).scalar_one()
        file_count = connection.execute(select(func.count()).select_from(File)).scalar_one()
        encoder = connection.execute(select(Encoder.spec).where(Encoder.id == encoder_id)).scalar_one()
        generation_id = connection.execute(
            insert(Generation)
            .values(
                encoder_id=encoder_id,
                metric=metric.value,
                item_count=item_count,
                file_count=file_count,
                format_version=FORMAT_VERSION,
            )
            .returning(Generation.id)
        ).scalar_one()
        if previous and previous.encoder_id == encoder_id and same_items and not rebuild_cache:
            files = previous.faiss
        else:
            spaces = spec_from_row(encoder).spaces
            files = {
                s.name: _write_space(store, connection, encoder_id, s, item_count, exact_limit)
                for s in spaces
            }
        for name, file in files.items():
            connection.execute(
                insert(FaissFile).values(generation_id=generation_id, space=name, **asdict(file))
            )
        _forget_old_generations(connection)
        failpoint("generation.before_commit")
    failpoint("generation.after_commit")
    with store.database.reading() as connection:
        committed = require_generation(connection, store)
    store.collect_faiss()
    return committed


def _drop_unreferenced(connection: Connection, encoder_id: int) -> None:
    """Remove contents that no file holds, and the vectors of other encoders than the one committed."""
    held = select(File.item_id)
    connection.execute(
        delete(Embedding).where((Embedding.encoder_id != encoder_id) | Embedding.item_id.not_in(held))
    )
    connection.execute(delete(Item).where(Item.id.not_in(held)))


def _held_items(connection: Connection) -> tuple[int, int]:
    """Count and sum of the ids that files hold: an id is never given twice, so equal pairs mean equal sets."""
    distinct = select(File.item_id).distinct().subquery()
    count, total = connection.execute(
        select(func.count(), func.sum(distinct.c.item_id)).select_from(distinct)
    ).one()
    return int(count), int(total or 0)


def _write_space(
    store: Store, connection: Connection, encoder_id: int, space: Space, count: int, exact_limit: int
) -> CommittedFaiss:
    index = build_index(
        lambda: read_vectors(connection, encoder_id, space),
        dim=space.dim,
        metric=space.metric,
        count=count,
        exact_limit=exact_limit,
    )
    sha256, size_bytes = store.write_faiss(index)
    return CommittedFaiss(sha256, size_bytes, index.kind, index.recall)


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


def _forget_old_generations(connection: Connection) -> None:
    kept = select(Generation.id).order_by(Generation.id.desc()).limit(KEPT_GENERATIONS).scalar_subquery()
    connection.execute(delete(FaissFile).where(FaissFile.generation_id.not_in(kept)))
    connection.execute(delete(Generation).where(Generation.id.not_in(kept)))
    used = select(Generation.encoder_id)
    connection.execute(delete(Encoder).where(Encoder.id.not_in(used)))
