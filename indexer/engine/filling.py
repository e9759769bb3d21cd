"""Before a generation is committed: its vectors have to be where it will say that they are.

A collection that serves already follows by its changes (`engine.changes`). A new one is filled beside it from all
vectors that the database has of the encoder, held to them, and measured; the commit of the generation that names it is
the one step that switches. What is filled and never named, the next writer removes.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, func, select, update

from indexer.committed import Committed, CommittedFaiss
from indexer.durable import failpoint
from indexer.engine.collections import (
    ENGINE,
    Collection,
    collection_of,
    fits,
    new_collection,
    newest_change,
    remove_unnamed,
)
from indexer.engine.differences import differences
from indexer.errors import EngineUnavailable, StoreDamaged, VectorsMissing
from indexer.store import Store
from indexer.stored_vectors import directed, read_vectors
from indexer.tables import File, VectorCollection
from indexer.vectors.open import open_vectors
from indexer.vectors.protocol import VectorStore
from retrieval.encoder import Space
from retrieval.metric import Metric
from retrieval.ranking import recall_at_k
from retrieval.recall import Batches, draw_sample, true_neighbours
from retrieval.similarity import normalise

FILES = "files"  # in place of a URL: FAISS files in the store
_RECALL_K, _RECALL_QUERIES, _RECALL_SAMPLE = 10, 100, 1_000


@dataclass(frozen=True)
class Held:
    """By space, what a generation is to name of an engine; ``up_to`` is the newest item that all of it may hold."""

    named: Mapping[str, CommittedFaiss] = field(default_factory=dict)
    up_to: int = 0


def hold(
    store: Store,
    encoder_id: int,
    spaces: Sequence[Space],
    previous: Committed | None,
    url: str | None,
    *,
    anew: bool,
) -> Held:
    """Have an engine hold the vectors of those spaces that it can, where the settings or the index itself say so.

    ``url`` None is where the last generation's are. Spaces that are compared by distance stay in files.

    Raises:
        EngineUnavailable: a collection has to be filled, and cannot be.
        UsageRefused: no such URL.
    """
    with store.database.reading() as connection:
        wanted = _wanted(connection, previous, url)
        newest_held = connection.execute(select(func.max(File.item_id))).scalar() or 0
    if wanted is None:
        return Held()
    same = previous if previous is not None and previous.encoder_id == encoder_id and not anew else None
    cosine = [space for space in spaces if space.metric is Metric.COSINE]
    serving = {space.name for space in cosine if same is not None and _serves(store, same, space, wanted)}
    if len(serving) < len(cosine):
        remove_unnamed(store)  # what a filling that failed has left
    named, up_to = {}, []
    for space in cosine:
        if same is not None and space.name in serving:
            named[space.name], newest = same.faiss[space.name], newest_held
        else:
            named[space.name], newest = _fill(store, encoder_id, space, wanted)
        up_to.append(newest)
    return Held(named, min(up_to, default=0))


def serves(store: Store, previous: Committed, url: str | None) -> bool:
    """Tell whether the vectors of the last generation are where they are wanted, as far as can be seen from here."""
    with store.database.reading() as connection:
        wanted = _wanted(connection, previous, url)
    if wanted is None:
        return all(file.kind != ENGINE for file in previous.faiss.values())
    cosine = (space for space in previous.spec.spaces if space.metric is Metric.COSINE)
    return all(_serves(store, previous, space, wanted) for space in cosine)


def _wanted(connection: Connection, previous: Committed | None, url: str | None) -> str | None:
    if url is not None:
        return None if url == FILES else url
    if previous is None:
        return None
    known = (_known(connection, previous, space) for space in previous.spec.spaces)
    return next((collection.url for collection in known if collection is not None), None)


def _known(connection: Connection, generation: Committed, space: Space) -> Collection | None:
    try:
        return collection_of(connection, generation, space)
    except StoreDamaged:  # where it is, is lost: another is filled
        return None


def _serves(store: Store, generation: Committed, space: Space, wanted: str) -> bool:
    """Tell whether a collection can go on to follow; one whose engine does not answer now can do so later."""
    with store.database.reading() as connection:
        collection = _known(connection, generation, space)
    if collection is None:
        return False
    has_moved = collection.url != wanted
    try:
        with closing(replace(collection, url=wanted).open(space)) as engine:
            known = engine.committed()
    except (VectorsMissing, StoreDamaged):
        return False
    except EngineUnavailable:
        if has_moved:
            raise
        return True
    with store.database.reading() as connection:
        has_all = fits(connection, known, collection)
    if has_all and has_moved:  # the same engine, under another address
        with store.database.writing() as connection:
            row = VectorCollection.name == collection.name
            connection.execute(update(VectorCollection).where(row).values(url=wanted))
    return has_all


def _fill(store: Store, encoder_id: int, space: Space, url: str) -> tuple[CommittedFaiss, int]:
    """Fill a new collection; return what a generation is to name, and the newest item that it may hold."""
    collection = new_collection(store, url, space)
    failpoint("engine.registered")
    with (
        store.database.reading() as connection,
        closing(open_vectors(url, space.dim, part=collection.name)) as engine,
    ):
        applied, newest, count = newest_change(connection), 0, 0
        for ids, vectors in directed(read_vectors(connection, encoder_id, space)):
            engine.upsert(ids, vectors, {})
            count += len(ids)
            newest = max([newest, *ids[-1:].tolist()])
            failpoint("engine.part_written")
        engine.commit(applied)
        failpoint("engine.filled")
        found = differences(directed(read_vectors(connection, encoder_id, space)), engine.iterate())
        if found:
            raise EngineUnavailable(
                f"{url} does not hold what was written to it: {found}", "run the same command again"
            )
        recall = _recall(engine, lambda: directed(read_vectors(connection, encoder_id, space)), count)
    with store.database.writing() as connection:
        row = VectorCollection.name == collection.name
        connection.execute(update(VectorCollection).where(row).values(applied=applied))
    return CommittedFaiss(collection.name, 0, ENGINE, recall), newest


def _recall(engine: VectorStore, batches: Batches, count: int) -> float:
    """Measure recall@10 for queries between the catalogue's own vectors."""
    if engine.capabilities.exact or count == 0:
        return 1.0
    sample = draw_sample(batches, engine.dim, _RECALL_SAMPLE, count)
    queries = normalise(sample.queries(_RECALL_QUERIES))
    truth = true_neighbours(batches, queries, _RECALL_K, Metric.COSINE)
    found, _ = engine.search(queries, _RECALL_K)
    return recall_at_k([[id_ for id_ in row if id_ >= 0] for row in found.tolist()], truth)
