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
while an engine is filled      a collection that no generation names: the next build removes it
after the commit               changes that the engine does not have: the next writer sends them
=============================  ==========================================================================
"""

from collections.abc import Callable
from dataclasses import asdict

from sqlalchemy import Connection, delete, func, insert, select

from indexer.committed import Committed, CommittedFaiss, current_generation, require_generation, spec_from_row
from indexer.durable import failpoint
from indexer.engine.changes import count_on, follow, forget_changes, note_changes
from indexer.engine.collections import ENGINE, remove_unnamed
from indexer.engine.filling import hold
from indexer.memory import return_what_is_free
from indexer.store import Store
from indexer.stored_vectors import read_vectors
from indexer.tables import FORMAT_VERSION, Embedding, Encoder, FaissFile, File, Generation, Item
from retrieval.encoder import Space
from retrieval.metric import Metric
from retrieval.search import build_index

KEPT_GENERATIONS = 2


def commit_generation(
    store: Store,
    encoder_id: int,
    metric: Metric,
    exact_limit: int,
    change: Callable[[Connection], None],
    *,
    vectors: str | None = None,
    rebuild_cache: bool = False,
) -> Committed:
    """Apply ``change`` to the file rows and commit the result as a new generation.

    The FAISS files of the last generation serve again where the items are the same, and its engine's collections where
    they can follow, unless ``rebuild_cache``. ``vectors`` is the URL of an engine, ``files`` for none, and None for what
    the last generation has.

    Raises:
        NoSpace, PermissionRefused, StoreDamaged, UsageRefused: the previous generation stays the current one.
        EngineUnavailable: it does, or the error says that the new one is committed and the engine behind.
    """
    with store.database.reading() as connection:
        previous = current_generation(connection)
        encoder = connection.execute(select(Encoder.spec).where(Encoder.id == encoder_id)).scalar_one()
    spaces = spec_from_row(encoder).spaces
    held = hold(store, encoder_id, spaces, previous, vectors, anew=rebuild_cache)
    with store.database.writing() as connection:
        held_before = _held_items(connection)
        change(connection)
        dropped = _drop_unreferenced(connection, encoder_id)
        failpoint("generation.rows_changed")
        same_items = held_before == _held_items(connection)
        item_count = connection.execute(select(func.count()).select_from(Item)).scalar_one()
        file_count = connection.execute(select(func.count()).select_from(File)).scalar_one()
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
        is_same = previous is not None and previous.encoder_id == encoder_id and same_items
        known = previous.faiss if previous is not None and is_same and not rebuild_cache else {}
        again = {name: file for name, file in known.items() if file.kind != ENGINE}
        files = {
            space.name: held.named.get(space.name)
            or again.get(space.name)
            or _write_space(store, connection, encoder_id, space, item_count, exact_limit)
            for space in spaces
        }
        for name, file in files.items():
            connection.execute(
                insert(FaissFile).values(generation_id=generation_id, space=name, **asdict(file))
            )
        if held.named:
            count_on(store.database, connection)
            note_changes(connection, held.up_to, dropped)
        else:
            forget_changes(connection)
        _forget_old_generations(connection)
        failpoint("generation.before_commit")
    failpoint("generation.after_commit")
    with store.database.reading() as connection:
        committed = require_generation(connection, store)
    store.collect_faiss()
    follow(store)
    remove_unnamed(store)
    return committed


def no_change(connection: Connection) -> None:
    """Leave the rows as they are: a ``change`` that only moves or mends what is searched."""


def _drop_unreferenced(connection: Connection, encoder_id: int) -> list[int]:
    """Remove contents that no file holds, and the vectors of other encoders than the one committed; return their ids."""
    held = select(File.item_id)
    connection.execute(
        delete(Embedding).where((Embedding.encoder_id != encoder_id) | Embedding.item_id.not_in(held))
    )
    gone = delete(Item).where(Item.id.not_in(held)).returning(Item.id)
    return list(connection.execute(gone).scalars())


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
    kind, recall = index.kind, index.recall
    del index
    return_what_is_free()  # the next space's needs as much again
    return CommittedFaiss(sha256, size_bytes, kind, recall)


def _forget_old_generations(connection: Connection) -> None:
    kept = select(Generation.id).order_by(Generation.id.desc()).limit(KEPT_GENERATIONS).scalar_subquery()
    connection.execute(delete(FaissFile).where(FaissFile.generation_id.not_in(kept)))
    connection.execute(delete(Generation).where(Generation.id.not_in(kept)))
    used = select(Generation.encoder_id)
    connection.execute(delete(Encoder).where(Encoder.id.not_in(used)))
