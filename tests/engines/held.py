"""What an engine holds of an index, held to the rows of its database, without asking the program that wrote both."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from indexer.vectors.open import open_vectors

DIM = 24
DATABASE = Path(".index/catalog.db")


def rows(statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(DATABASE)) as database, database:
        return database.execute(statement, values).fetchall()


def collections() -> dict[str, str]:
    """Return the collections that the newest generation names, by space."""
    newest = "SELECT space, sha256 FROM faiss_files WHERE generation_id = (SELECT max(id) FROM generations)"
    return dict(rows(f"{newest} AND kind = 'engine'"))


def vectors_in_database(space: str) -> dict[int, bytes]:
    held = "item_id IN (SELECT item_id FROM files)"
    return dict(rows(f"SELECT item_id, vector FROM embeddings WHERE space = ? AND {held}", space))


def vectors_on_engine(url: str, name: str) -> dict[int, bytes]:
    with closing(open_vectors(url, DIM, part=name, create=False)) as store:
        return {
            id_: vector.astype("<f4").tobytes()
            for ids, vectors in store.iterate()
            for id_, vector in zip(ids.tolist(), vectors, strict=True)
        }


def assert_engine_holds_the_index(url: str) -> None:
    """None is missing, none too many, none stale, nothing waits, and no collection is left that none names."""
    named = collections()
    assert set(named) == {"copy", "object"}
    for space, name in named.items():
        ours, theirs = vectors_in_database(space), vectors_on_engine(url, name)
        assert theirs.keys() - ours.keys() == set(), f"{space}: too many"
        assert ours.keys() - theirs.keys() == set(), f"{space}: missing"
        assert ours == theirs, f"{space}: stale"
    assert rows("SELECT * FROM vector_changes") == []
    assert all(applied is not None for (applied,) in rows("SELECT applied FROM vector_collections"))
    known = {name for (name,) in rows("SELECT name FROM vector_collections")}
    kept = {name for (name,) in rows("SELECT sha256 FROM faiss_files WHERE kind = 'engine'")}
    assert known == kept
    assert set(named.values()) <= on_engine(url) <= kept


def on_engine(url: str) -> set[str]:
    """Return the collections of this index that lie on an engine, named or not."""
    parts = urlsplit(url)
    if parts.scheme == "faiss":
        folder = Path(parts.path)
        return {path.name for path in folder.iterdir()} if folder.exists() else set()
    if parts.scheme == "milvus+lite":
        return on_lite(url)
    from tests.engines.conftest import server_client

    client, prefix = server_client(url), f"{parts.path.strip('/')}_"
    found = {
        name[len(prefix) :].partition("_")[0] for name in client.list_collections() if name.startswith(prefix)
    }
    client.close()
    return found


def on_lite(url: str) -> set[str]:
    from pymilvus import MilvusClient

    client = MilvusClient(uri=urlsplit(url).path)
    found = {name.removeprefix("vectors_").partition("_")[0] for name in client.list_collections()}
    client.close()
    return found


def forget(url: str, name: str) -> None:
    """Have the engine lose a collection."""
    from indexer.vectors.open import drop_vectors

    drop_vectors(url, name)


def changed_on_engine(url: str, name: str, *, without: int, beside: int, other: int) -> None:
    """Have the engine lose one id, have one that is none, and another vector of a third."""
    random = np.eye(DIM, dtype=np.float32)[:2]
    with closing(open_vectors(url, DIM, part=name, create=False)) as store:
        store.delete(np.array([without]))
        store.upsert(np.array([beside, other]), random, {})
        store.commit(store.committed() or 0)
