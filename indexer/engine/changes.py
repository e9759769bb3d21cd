"""The changes that a generation brings, noted in its own transaction, and sent to the engine after it.

Until the engine is known to have them they wait in the database, where queries find them (`engine.search`): an engine
that is behind costs time and no answer. Sending a change twice is as good as once.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from sqlalchemy import Connection, Row, delete, func, insert, literal, select, update

from indexer.committed import Committed, require_generation
from indexer.database import Database
from indexer.durable import failpoint
from indexer.engine.collections import Collection, collection_of, fits, newest_change
from indexer.engine.differences import Differences, differences
from indexer.errors import EngineUnavailable, VectorsMissing
from indexer.store import Store
from indexer.stored_vectors import directed, read_vectors, vectors_of
from indexer.tables import File, VectorChange, VectorCollection
from indexer.vectors.protocol import VectorStore
from retrieval.encoder import Space
from retrieval.similarity import Float32, Int64

_CHANGES_AT_ONCE = 2_000


def count_on(database: Database, connection: Connection) -> None:
    """Have changes numbered from beyond those that an engine has: a database that was salvaged begins anew."""
    table = VectorChange.metadata.tables[VectorChange.__tablename__]
    newest = newest_change(connection)
    if database.last_id(connection, table) < newest:
        database.give_ids_after(connection, table, newest)


def note_changes(connection: Connection, up_to: int, dropped: Sequence[int]) -> None:
    """Note the items that files hold beyond ``up_to``, and those that are gone."""
    new = select(File.item_id, literal(value=False)).where(File.item_id > up_to).distinct()
    connection.execute(insert(VectorChange).from_select(["item_id", "is_gone"], new.order_by(File.item_id)))
    note_gone(connection, dropped)


def note_gone(connection: Connection, ids: Sequence[int]) -> None:
    """Note items that left the database; one that the engine never had is as good as removed."""
    if ids:
        connection.execute(insert(VectorChange), [{"item_id": id_, "is_gone": True} for id_ in ids])


def forget_changes(connection: Connection) -> None:
    """Drop what waits, where no generation follows by it any more."""
    connection.execute(delete(VectorChange))


def waiting(connection: Connection, collection: Collection) -> int:
    """Count the changes that the engine is not known to have."""
    return connection.execute(
        select(func.count()).select_from(VectorChange).where(VectorChange.id > (collection.applied or 0))
    ).scalar_one()


def waiting_items(connection: Connection, collection: Collection) -> list[int]:
    """Return the items that the engine may not hold yet."""
    new = VectorChange.id > (collection.applied or 0), ~VectorChange.is_gone
    return list(connection.execute(select(VectorChange.item_id).where(*new)).scalars())


def follow(store: Store) -> None:
    """Send the engine what waits. Call it under the writer's lock.

    Raises:
        EngineUnavailable: it does not answer; the generation is committed, and what was not sent waits on.
    """
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        newest = newest_change(connection)
        behind = {
            space.name: (space, collection)
            for space in generation.spec.spaces
            if (collection := collection_of(connection, generation, space)) is not None
            and (collection.applied or 0) < newest
        }
        noted = connection.execute(select(func.count()).select_from(VectorChange)).scalar_one()
    if not noted:
        return
    try:
        for space, collection in behind.values():
            _send(store, generation, space, collection, newest)
    except EngineUnavailable as error:
        raise EngineUnavailable(
            f"generation {generation.id} is committed, but the engine does not have its vectors yet: {error}",
            "nothing is lost, and answers stay right: `index build` sends them once it can",
        ) from error
    with store.database.writing() as connection:
        names = [collection.name for _, collection in behind.values()]
        connection.execute(
            update(VectorCollection).where(VectorCollection.name.in_(names)).values(applied=newest)
        )
        connection.execute(delete(VectorChange).where(VectorChange.id <= newest))


def _send(store: Store, generation: Committed, space: Space, collection: Collection, newest: int) -> None:
    with store.database.reading() as connection, closing(collection.open(space)) as engine:
        known = _require_applied(connection, engine, collection)
        for part in _changes(connection, known):
            _apply(connection, engine, generation, space, part)
            failpoint("engine.part_sent")
        engine.commit(newest)
        failpoint("engine.sent")


def _changes(connection: Connection, after: int) -> Iterator[Sequence[Row[int, int, bool]]]:
    """Yield the changes beyond one, in their order."""
    columns = select(VectorChange.id, VectorChange.item_id, VectorChange.is_gone).order_by(VectorChange.id)
    while True:
        part = connection.execute(columns.where(VectorChange.id > after).limit(_CHANGES_AT_ONCE)).all()
        if not part:
            return
        yield part
        after = part[-1].id


def _apply(
    connection: Connection,
    engine: VectorStore,
    generation: Committed,
    space: Space,
    changes: Sequence[Row[int, int, bool]],
) -> None:
    """Send some changes; of what came and went since, only that it is gone."""
    came = [change.item_id for change in changes if not change.is_gone]
    for ids, vectors in directed(vectors_of(connection, generation.encoder_id, space, came)):
        engine.upsert(ids, vectors, {})
    engine.delete(np.array([change.item_id for change in changes if change.is_gone], np.int64))


def unexplained(
    connection: Connection, generation: Committed, space: Space, collection: Collection
) -> Differences:
    """Compare what an engine holds with the database, but for the items whose changes it may not have yet.

    Raises:
        VectorsMissing, EngineUnavailable: the engine lost the collection, or changes that it had, or does not answer.
    """
    changes = select(VectorChange.item_id).where(VectorChange.id > (collection.applied or 0))
    left_out = np.array(connection.execute(changes).scalars().all(), np.int64)
    held = np.array(connection.execute(select(File.item_id).distinct()).scalars().all(), np.int64)

    def expected() -> Iterator[tuple[Int64, Float32]]:
        for ids, vectors in directed(read_vectors(connection, generation.encoder_id, space)):
            kept = np.isin(ids, held) & ~np.isin(ids, left_out)
            yield ids[kept], vectors[kept]

    def actual(engine: VectorStore) -> Iterator[tuple[Int64, Float32]]:
        for ids, vectors in engine.iterate():
            kept = ~np.isin(ids, left_out)
            yield ids[kept], vectors[kept]

    with closing(collection.open(space)) as engine:
        _require_applied(connection, engine, collection)
        return differences(expected(), actual(engine))


def _require_applied(connection: Connection, engine: VectorStore, collection: Collection) -> int:
    """Return the last change that an engine has.

    Raises:
        VectorsMissing: it is not one of those that this database knows of.
    """
    known = engine.committed()
    if not fits(connection, known, collection):
        raise VectorsMissing(
            f"{collection.url} has changes up to {known}, the database knows of {collection.applied or 0} to "
            f"{newest_change(connection)}: one of them went back to an older state",
            "`index build` fills it anew",
        )
    return known or 0
