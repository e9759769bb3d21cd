"""What is true of every vector store while it is changed: a handle reads what it wrote, twice is as good as once."""

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from indexer.errors import EngineUnavailable, UsageRefused
from indexer.vectors.filters import And, Eq, Filter, In, Not, Range
from indexer.vectors.open import open_vectors
from indexer.vectors.protocol import VectorStore
from retrieval.errors import VectorsInvalid
from retrieval.similarity import Float32, normalise
from tests.engines.catalogue import KINDS
from tests.engines.conftest import SMALL_DIM, Engine
from tests.engines.relay import wire_to
from tests.engines.test_filters import FILTERS, SOME_FLOATS, SOME_INTS, SOME_TEXTS, as_columns, plain

HOSTILE = [
    "plain", "it's", 'say "x"', '" or 1==1', "' or '1'=='1", "\\", '\\"', "\\\\", "\\u0022", "\\x22", "a\\nb", "\n", "\r",
    "\t", "\x00", "a\x00b", "a", "\x7f", "é", "e\u0301", "漢字", "\U0001f600", "\u2028", "\ufeff", "", " ", "%", "_%",
    "{x}", "$meta", "id >= 0", "x" * 4096,
]  # fmt: skip


def units(count: int, seed: int = 0) -> Float32:
    return normalise(np.random.default_rng(seed).normal(size=(count, SMALL_DIM)).astype(np.float32))


def columns(count: int, **given: Any) -> dict[str, Any]:
    usual = {"cat": np.zeros(count, int), "price": np.zeros(count), "label": np.array([""] * count)}
    return usual | given


def put(store: VectorStore, ids: list[int], vectors: Float32, **given: Any) -> None:
    store.upsert(np.array(ids, np.int64), vectors, columns(len(ids), **given))


def found(store: VectorStore, filter_: Any) -> list[int]:
    ids, _ = store.search(units(1), 100, filter_)
    return sorted(set(ids[0].tolist()) - {-1})


def test_an_empty_store_finds_nothing(store: VectorStore) -> None:
    ids, scores = store.search(units(2), 3)
    assert (ids == -1).all()
    assert (scores == -np.inf).all()
    assert [len(one.ids) for one in store.range_search(units(2), 0.0)] == [0, 0]
    assert (store.count(), store.count(Eq("cat", 1)), list(store.iterate())) == (0, 0, [])


def test_no_rows_and_no_queries_are_none(store: VectorStore) -> None:
    put(store, [], units(0))
    store.delete(np.empty(0, np.int64))
    ids, scores = store.search(units(0), 3)
    assert (ids.shape, scores.shape, store.range_search(units(0), 0.0)) == ((0, 3), (0, 3), [])


def test_what_is_written_again_replaces_what_was_there(store: VectorStore) -> None:
    first, second = units(5, 1), units(5, 2)
    put(store, [1, 2, 3, 4, 5], first)
    for _ in range(2):
        put(store, [3, 4, 5, 6, 7], second, cat=np.full(5, 9))
    assert (store.count(), store.count(Eq("cat", 9))) == (7, 5)
    ids, scores = store.search(np.concatenate([first[:2], second]), 1)
    assert ids[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert np.allclose(scores, 1, atol=1e-6)


def test_what_is_removed_is_gone_and_removing_it_again_is_as_good(store: VectorStore) -> None:
    put(store, list(range(10)), units(10))
    for _ in range(2):
        store.delete(np.array([0, 1, 2]))
    store.delete(np.array([10**12]))
    ids, _ = store.search(units(10), 20)
    assert set(ids.ravel().tolist()) == {-1, 3, 4, 5, 6, 7, 8, 9}
    assert store.count() == 7
    put(store, [1], units(1, 5))
    assert store.count() == 8


def test_ids_beyond_what_a_double_can_tell_apart_stay_apart(store: VectorStore) -> None:
    large = [0, 2**53, 2**53 + 1, 2**62 - 1, 2**63 - 2]
    put(store, large, units(5))
    ids, _ = store.search(units(5), 1)
    assert ids[:, 0].tolist() == large
    assert [id_ for some, _ in store.iterate(2) for id_ in some.tolist()] == large
    store.delete(np.array([2**53]))
    assert found(store, None) == [0, 2**53 + 1, 2**62 - 1, 2**63 - 2]


def test_of_equal_vectors_those_with_the_smaller_ids_are_found(store: VectorStore) -> None:
    same = np.repeat(units(1), 100, axis=0)
    ids = np.random.default_rng(3).permutation(100)
    store.upsert(ids, same, columns(100))
    found_ids, scores = store.search(same[:1], 10)
    assert found_ids[0].tolist() == list(range(10))
    assert len(set(scores[0].tolist())) == 1
    [within] = store.range_search(same[:1], 0.5, limit=7)
    assert (within.ids.tolist(), within.truncated) == (list(range(7)), True)


def test_more_than_there_are_leaves_places_empty(store: VectorStore) -> None:
    put(store, [5, 6], units(2))
    ids, scores = store.search(units(2), 4)
    assert sorted(ids[0].tolist()) == [-1, -1, 5, 6]
    assert np.isneginf(scores[:, 2:]).all()


def test_no_text_is_taken_for_anything_but_itself(store: VectorStore) -> None:
    ids = list(range(len(HOSTILE)))
    put(store, ids, units(len(HOSTILE)), label=np.array(HOSTILE, object))
    for id_, text in enumerate(HOSTILE):
        assert found(store, Eq("label", text)) == [id_], text
    assert found(store, In("label", tuple(HOSTILE))) == ids
    assert store.count(Not(In("label", tuple(HOSTILE[:5])))) == len(HOSTILE) - 5
    assert store.count(And((Eq("label", '" or 1==1'), Eq("cat", 1)))) == 0
    ordered = sorted(HOSTILE)
    lo, hi = ordered[5], ordered[20]
    assert found(store, Range("label", lo, hi)) == sorted(HOSTILE.index(text) for text in ordered[5:20])


@settings(max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS)
def test_any_filter_means_what_a_loop_over_the_rows_says(store: VectorStore, filter_: Filter) -> None:
    rows = list(zip(SOME_INTS * 3, SOME_FLOATS * 2, SOME_TEXTS * 2, strict=False))
    kept = as_columns(rows)
    if store.count() == 0:
        put(store, list(range(len(rows))), units(len(rows)), **kept)
    assert found(store, filter_) == [
        row for row, passes in enumerate(plain(filter_, kept, len(rows))) if passes
    ]


def test_numbers_are_compared_as_they_are_kept(store: VectorStore) -> None:
    prices = [0.1, 0.2, 0.3, 1e-45, 3.4028234663852886e38, -3.4028234663852886e38, 1e20, -0.0]
    cats = [2**63 - 1, -(2**63) + 1, 2**53 + 1, 2**53, -5, 0, 1, 2]
    put(store, list(range(8)), units(8), price=np.array(prices), cat=np.array(cats))
    for id_, (price, cat) in enumerate(zip(prices, cats, strict=True)):
        assert found(store, Eq("price", price)) == [id_]
        assert found(store, Eq("cat", cat)) == [id_]
    assert found(store, Range("price", 0.1, 0.3)) == [0, 1]
    assert found(store, In("price", (0.2, 0))) == [1, 7]
    assert found(store, Range("price", 1)) == [4, 6]
    assert found(store, Range("cat", 2**53, 2**53 + 1)) == [3]
    assert found(store, Range("cat")) == found(store, And(())) == list(range(8))


def test_a_commit_says_what_it_knows(store: VectorStore) -> None:
    store.commit(5)
    store.commit(5)
    assert store.committed() == 5
    store.commit(2**63 - 1)
    assert store.committed() == 2**63 - 1


def test_all_can_be_replaced_in_one_step(engine: Engine) -> None:
    store, reader = engine.open("refilled", SMALL_DIM), engine.open("refilled", SMALL_DIM)
    assert store.committed() is None
    put(store, [1, 2, 3], units(3))
    store.commit(1)

    def batches(last: int) -> Any:
        for start in range(0, last, 4):
            yield np.arange(start, start + 4), units(4, start), columns(4, cat=np.full(4, start))
            assert sorted(store.search(units(1), 9)[0][0].tolist())[-3:] == [1, 2, 3]

    def broken() -> Any:
        yield np.arange(50, 54), units(4), columns(4)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.refill(broken(), 9)
    assert (found(store, None), store.committed()) == ([1, 2, 3], 1)
    store.refill(batches(8), 7)
    assert (found(store, None), store.committed(), store.count(Eq("cat", 4))) == (list(range(8)), 7, 4)
    put(store, [100], units(1))
    store.commit(8)
    if store.capabilities.multi_writer:
        assert (found(reader, None), reader.committed()) == ([*range(8), 100], 8)
    store.close()
    reader.close()
    store = engine.open("refilled", SMALL_DIM)
    assert (found(store, None), store.committed()) == ([*range(8), 100], 8)
    store.close()


def test_a_server_that_is_gone_is_named_whatever_is_asked_of_it(store: VectorStore, engine: Engine) -> None:
    if engine.name != "milvus":
        pytest.skip("only a server of this machine is at the other end of a wire that can be cut")
    port = urlsplit(engine.prefix).port
    assert port is not None
    with wire_to(port) as near:
        url = engine.url("changing").replace(f":{port}", f":{near}")
        far = open_vectors(url, SMALL_DIM, KINDS, timeout_s=3)
        put(far, [1], units(1))
        assert found(far, None) == [1]
    for asked in (
        lambda: put(far, [2], units(1)),
        lambda: far.delete(np.array([1])),
        lambda: far.search(units(1), 1),
        far.count,
        lambda: list(far.iterate()),
        lambda: far.commit(1),
        lambda: far.refill([], 1),
    ):
        with pytest.raises(EngineUnavailable, match=url):
            asked()
    far.close()
    assert found(store, None) == [1]


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.full((1, SMALL_DIM), np.nan), "NaN"),
        (np.full((1, SMALL_DIM), np.inf), "infinite"),
        (np.ones((1, SMALL_DIM)), "length 1"),
        (np.zeros((1, SMALL_DIM)), "length 1"),
        (np.ones((1, SMALL_DIM + 1)) / 3, "shape"),
        (np.ones(SMALL_DIM), "shape"),
    ],
)
def test_vectors_that_are_none_of_the_space_are_refused(store: VectorStore, vectors: Any, words: str) -> None:
    with pytest.raises(VectorsInvalid, match=words):
        put(store, [1], vectors)
    with pytest.raises(VectorsInvalid, match=words):
        store.search(vectors, 1)
    with pytest.raises(VectorsInvalid, match=words):
        store.range_search(vectors, 0.5)
    assert store.count() == 0


def test_a_filter_that_cannot_be_meant_is_refused(store: VectorStore) -> None:
    for filter_ in (Eq("colour", 1), Eq("cat", "1"), Eq("cat", 1.5), Range("price", "a"), In("label", (1,))):
        with pytest.raises(UsageRefused):
            store.search(units(1), 1, filter_)
        with pytest.raises(UsageRefused):
            store.count(filter_)
        with pytest.raises(UsageRefused):
            store.range_search(units(1), 0.5, filter_)
