"""Collections: each holds the vectors of one space where an engine's URL says, and has a row in the database.

A generation names its collections as it names its FAISS files, by a name that is never given twice. The row is written
before the collection is made and removed after it is gone, so that none is ever forgotten on a server.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from indexer.committed import Committed
from indexer.database import REPAIR_HINT
from indexer.errors import IndexerError, StoreDamaged, VectorsMissing
from indexer.store import Store
from indexer.tables import FaissFile, VectorChange, VectorCollection
from indexer.vectors.open import drop_vectors, open_vectors
from indexer.vectors.protocol import VectorStore
from retrieval.encoder import Space

ENGINE = "engine"  # the kind of what a generation names, where it is no file
_PATIENCE_S = 10.0  # for what is only tidied up


@dataclass(frozen=True)
class Collection:
    """Where the vectors are, and the last change that the engine is known to have; None while it is being filled."""

    name: str
    url: str
    applied: int | None

    def open(self, space: Space) -> VectorStore:
        """Open it as the engine has it.

        Raises:
            VectorsMissing: the engine has no such collection.
            EngineUnavailable: it does not answer.
        """
        return open_vectors(self.url, space.dim, part=self.name, create=False)


def collection_of(connection: Connection, generation: Committed, space: Space) -> Collection | None:
    """Return the collection that a generation names for a space; None where it names a file.

    Raises:
        StoreDamaged: the collection's row is lost.
    """
    named = generation.faiss[space.name]
    if named.kind != ENGINE:
        return None
    row = connection.execute(
        select(VectorCollection.__table__).where(VectorCollection.name == named.sha256)
    ).first()
    if row is None:
        raise StoreDamaged(f"the database does not say where the vectors {named.sha256} are", REPAIR_HINT)
    return Collection(row.name, row.url, row.applied)


def new_collection(store: Store, url: str, space: Space) -> Collection:
    """Give a collection that is about to be made its name and its row.

    Raises:
        UsageRefused, EngineUnavailable: no such URL, or nothing answers there; nothing was written down.
    """
    collection = Collection(secrets.token_hex(8), url, None)
    with suppress(VectorsMissing):  # as it has to be
        collection.open(space).close()
    with store.database.writing() as connection:
        connection.execute(insert(VectorCollection).values(name=collection.name, url=url))
    return collection


def newest_change(connection: Connection) -> int:
    """Return the number of the last change that was ever noted, 0 before the first."""
    noted = connection.execute(select(func.max(VectorChange.id))).scalar()
    applied = connection.execute(select(func.max(VectorCollection.applied))).scalar()
    return max(noted or 0, applied or 0)


def fits(connection: Connection, known: int | None, collection: Collection) -> bool:
    """Tell whether the last change that an engine has is one that it can have, by this database."""
    return (collection.applied or 0) <= (known or 0) <= newest_change(connection)


def remove_unnamed(store: Store) -> None:
    """Remove the collections that no kept generation names; one that cannot be removed now is tried again."""
    with store.database.reading() as connection:
        left = unnamed(connection)
    for collection in left:
        try:
            drop_vectors(collection.url, collection.name, timeout_s=_PATIENCE_S)
        except IndexerError:  # what is tidied up must not fail what was committed
            continue
        with store.database.writing() as connection:
            connection.execute(delete(VectorCollection).where(VectorCollection.name == collection.name))


def unnamed(connection: Connection) -> list[Collection]:
    """Return the collections that no kept generation names."""
    named = select(FaissFile.sha256).where(FaissFile.kind == ENGINE)
    rows = connection.execute(
        select(VectorCollection.__table__).where(VectorCollection.name.not_in(named))
    ).all()
    return [Collection(row.name, row.url, row.applied) for row in rows]
