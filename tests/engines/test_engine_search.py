"""What an engine proposes becomes what the database holds: against a plain loop over all vectors."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.committed import require_generation
from indexer.engine import search
from indexer.engine.changes import waiting_items
from indexer.engine.collections import collection_of
from indexer.engine.differences import Differences, differences
from indexer.engine.search import EngineIndex, Opened
from indexer.store import open_store
from retrieval.metric import Metric
from retrieval.similarity import Float32, Int64, scores
from tests.conftest import Command
from tests.engines.held import vectors_in_database
from tests.pictures import save

Rows = list[tuple[int, float]]


@pytest.fixture
def built(index: Command, pictures: Path, workplace: Path) -> Path:
    """An index on a folder's engine, with a picture more often than a search asks for at once."""
    for turn in range(12):
        tied = (pictures / "cup/00.jpg").read_bytes() + bytes([turn])
        (pictures / f"cup/tied{turn}.jpg").write_bytes(tied)
    assert index("build", pictures, "--vectors", f"faiss://{workplace}/engine").code == 0
    return pictures


@pytest.fixture
def searched(built: Path) -> Iterator[EngineIndex]:
    store = open_store(Path(".index"))
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        space = generation.space("copy")
        collection = collection_of(connection, generation, space)
        assert collection is not None
        with closing(collection.open(space)) as engine:
            yield EngineIndex(Opened(collection, engine), generation, space, connection)


def vectors() -> dict[int, Float32]:
    return {id_: np.frombuffer(blob, "<f4") for id_, blob in vectors_in_database("copy").items()}


def nearest(query: Float32, k: int, among: set[int] | None = None) -> Rows:
    """Score all, one by one; the k best, and what ties with the last of them."""
    scored = sorted(
        (
            (-float(scores(query, vector[None], Metric.COSINE)[0]), id_)
            for id_, vector in vectors().items()
            if among is None or id_ in among
        )
    )
    if not scored:
        return []
    last = scored[min(k, len(scored)) - 1][0] + 1e-6
    return sorted((id_, round(-score, 6)) for score, id_ in scored if score <= last)


def asked(searched: EngineIndex, queries: Float32, k: int, allowed: set[int] | None = None) -> list[Rows]:
    ids = None if allowed is None else np.array(sorted(allowed), np.int64)
    found = searched.search(queries, k, ids)
    assert all((np.diff(one.scores) <= 0).all() for one in found)
    return [
        sorted((int(id_), round(float(score), 6)) for id_, score in zip(one.ids, one.scores, strict=True))
        for one in found
    ]


def close(found: list[Rows], expected: list[Rows]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert [id_ for id_, _ in ours] == [id_ for id_, _ in theirs]
        assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=2e-6)


@pytest.mark.parametrize("k", [1, 2, 7, 25, 100])
def test_the_nearest_and_all_that_tie_are_found(searched: EngineIndex, k: int) -> None:
    queries = np.stack(list(vectors().values()))
    close(asked(searched, queries, k), [nearest(query, k) for query in queries])
    assert max(map(len, asked(searched, queries, 1))) == 13


@pytest.mark.parametrize("few", [0, 20_000])
def test_a_search_among_some_finds_the_nearest_of_those(
    searched: EngineIndex, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_FEW", few)
    queries = np.stack(list(vectors().values()))
    for allowed in ({3, 9, 11, 20, 10**6}, set(range(5, 20)), {10**6}):
        expected = [nearest(query, 3, allowed) for query in queries]
        close(asked(searched, queries, 3, allowed), expected)


def test_what_waits_is_found_and_what_is_gone_is_not(
    searched: EngineIndex,
    built: Path,
    build_unsent: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, before = searched.opened.engine, set(vectors())
    save(built / "cup/new.jpg", 900)
    (built / "cup/01.jpg").unlink()
    build_unsent()
    store = open_store(Path(".index"))
    with store.database.reading() as connection:
        generation = require_generation(connection, store)
        collection = collection_of(connection, generation, searched.space)
        assert collection is not None
        [new] = waiting_items(connection, collection)
        assert new not in before
        behind = EngineIndex(Opened(collection, engine), generation, searched.space, connection)
        queries = np.stack(list(vectors().values()))
        for k in (1, 5, 40):
            close(asked(behind, queries, k), [nearest(query, k) for query in queries])
        close(asked(behind, queries, 3, {new, 2}), [nearest(query, 3, {new, 2}) for query in queries])
        monkeypatch.setattr(search, "_FEW", 0)
        close(asked(behind, queries, 3, {new, 2}), [nearest(query, 3, {new, 2}) for query in queries])
        assert before - set(vectors())


def test_a_search_of_a_snapshot_leaves_out_what_came_after_it(
    searched: EngineIndex, built: Path, index: Command
) -> None:
    queries = np.stack(list(vectors().values()))
    expected = [nearest(query, 5) for query in queries]
    save(built / "cup/new.jpg", 900)
    index("build")
    with closing(searched.opened.collection.open(searched.space)) as ahead:
        assert ahead.count() == len(queries) + 1
        behind = EngineIndex(
            Opened(searched.opened.collection, ahead),
            searched.generation,
            searched.space,
            searched.connection,
        )
        close(asked(behind, queries, 5), expected)


def test_an_empty_index_finds_nothing(index: Command, workplace: Path) -> None:
    (workplace / "empty").mkdir()
    assert index("build", "empty", "--vectors", f"faiss://{workplace}/engine").code == 0
    asked = index("query", save(workplace / "one.jpg", 1), "--json")
    assert (asked.code, asked.json()["queries"][0]["results"]) == (0, [])


Held = dict[int, int]


def stream(held: Held, at_once: int) -> Iterator[tuple[Int64, Float32]]:
    ids = sorted(held)
    for start in range(0, len(ids), at_once):
        part = ids[start : start + at_once]
        yield np.array(part, np.int64), np.array([[held[id_]] * 2 for id_ in part], np.float32)


@given(
    st.dictionaries(st.integers(0, 30), st.integers(0, 2)),
    st.dictionaries(st.integers(0, 30), st.integers(0, 2)),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_differences_are_those_of_two_tables(ours: Held, theirs: Held, one: int, other: int) -> None:
    found = differences(stream(ours, one), stream(theirs, other))
    both = ours.keys() & theirs.keys()
    stale = sum(ours[id_] != theirs[id_] for id_ in both)
    assert found == Differences(len(ours.keys() - theirs.keys()), len(theirs.keys() - ours.keys()), stale)
    assert bool(found) is (ours != theirs)
