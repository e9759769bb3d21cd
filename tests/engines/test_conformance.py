"""What is true of every vector store that holds the catalogue, whatever its engine: numpy says what is right."""

from collections.abc import Callable

import numpy as np
import pytest

from indexer.errors import UsageRefused
from indexer.vectors.filters import And, Eq, Filter, In, Not, Range
from indexer.vectors.protocol import VectorStore
from tests.engines.catalogue import COUNT, DIM, FILTERS, KINDS, QUERIES, Catalogue
from tests.engines.conftest import NEEDS, Engine, needs

K = 10
Recorded = Callable[[str, object], None]


def nearest(catalogue: Catalogue, filter_: Filter | None, k: int, queries: int = QUERIES) -> list[list[int]]:
    """Ids of the k nearest that pass, best first, ties by id."""
    passing = np.flatnonzero(catalogue.passes(filter_))
    scores = catalogue.scores()[:queries, passing].round(12)
    return [catalogue.ids[passing[np.lexsort((passing, -row))[:k]]].tolist() for row in scores]


@pytest.mark.parametrize("name", NEEDS)
def test_an_engine_that_these_tests_know_is_here(name: str) -> None:
    needs(name)


@pytest.mark.parametrize("filter_", FILTERS.values(), ids=list(FILTERS))
def test_the_nearest_are_found_of_those_that_pass_a_filter(
    filled: VectorStore, catalogue: Catalogue, filter_: Filter | None, record_property: Recorded
) -> None:
    ids, _ = filled.search(catalogue.queries, K, filter_)
    expected = nearest(catalogue, filter_, K)
    hits = [len(set(got) & set(right)) for got, right in zip(ids.tolist(), expected, strict=True)]
    recall = sum(hits) / (K * QUERIES)
    record_property("recall", round(recall, 4))
    assert recall == 1 if filled.capabilities.exact else recall >= 0.99


@pytest.mark.parametrize("filter_", FILTERS.values(), ids=list(FILTERS))
def test_no_answer_breaks_its_filter(
    filled: VectorStore, catalogue: Catalogue, filter_: Filter | None
) -> None:
    ids, _ = filled.search(catalogue.queries[:5], K, filter_)
    allowed = set(catalogue.ids[catalogue.passes(filter_)].tolist())
    assert set(ids.ravel().tolist()) <= allowed
    within = filled.range_search(catalogue.queries[:5], 0.5, filter_)
    assert {id_ for one in within for id_ in one.ids.tolist()} <= allowed


@pytest.mark.parametrize("filter_", FILTERS.values(), ids=list(FILTERS))
def test_what_passes_a_filter_is_counted_exactly(
    filled: VectorStore, catalogue: Catalogue, filter_: Filter | None
) -> None:
    assert filled.count(filter_) == sum(catalogue.passes(filter_))


def test_a_score_is_the_inner_product_and_the_best_come_first(
    filled: VectorStore, catalogue: Catalogue
) -> None:
    ids, scores = filled.search(catalogue.queries, K)
    place = {id_: number for number, id_ in enumerate(catalogue.ids.tolist())}
    for query, (some, said) in enumerate(zip(ids.tolist(), scores.tolist(), strict=True)):
        for id_, score in zip(some, said, strict=True):
            vector = catalogue.vectors[place[id_]].astype(np.float64)
            assert abs(score - catalogue.queries[query].astype(np.float64) @ vector) < 1e-9
        assert said == sorted(said, reverse=True)


def test_a_range_search_finds_what_scores_more_than_the_threshold(
    filled: VectorStore, catalogue: Catalogue, record_property: Recorded
) -> None:
    found = filled.range_search(catalogue.queries, 0.8)
    right = [set(catalogue.ids[scores > 0.8].tolist()) for scores in catalogue.scores()]
    equal = sum(set(one.ids.tolist()) == ids for one, ids in zip(found, right, strict=True))
    record_property("equal", f"{equal}/{QUERIES}")
    assert sum(map(len, right)) > QUERIES
    assert not any(one.truncated for one in found)
    assert all(set(one.ids.tolist()) <= ids for one, ids in zip(found, right, strict=True))
    assert equal == QUERIES if filled.capabilities.range_exact else equal >= 0.99 * QUERIES


def test_a_threshold_is_not_above_itself(filled: VectorStore, catalogue: Catalogue) -> None:
    ids, scores = filled.search(catalogue.queries[:4], 5)
    for query, some, said in zip(catalogue.queries[:4], ids, scores, strict=True):
        [found] = filled.range_search(query[None], float(said[3]))
        assert found.ids.tolist() == some[:3].tolist()
        [found] = filled.range_search(query[None], float(np.nextafter(said[3], -1)))
        assert found.ids.tolist() == some[:4].tolist()


def test_more_than_the_limit_is_said_to_be_cut(filled: VectorStore, catalogue: Catalogue) -> None:
    expected = nearest(catalogue, None, 12, 1)[0]
    scores = np.sort(catalogue.scores()[0])[::-1]
    threshold = float((scores[11] + scores[12]) / 2)
    for limit, truncated in ((11, True), (12, False), (1000, False)):
        [found] = filled.range_search(catalogue.queries[:1], threshold, limit=limit)
        assert (found.ids.tolist(), found.truncated) == (expected[:limit], truncated)


def test_a_range_search_goes_as_far_down_as_its_threshold(
    filled: VectorStore, catalogue: Catalogue, record_property: Recorded
) -> None:
    scores = catalogue.scores()[0]
    threshold = float(np.sort(scores)[-1500:].min())
    [found] = filled.range_search(catalogue.queries[:1], threshold, limit=5000)
    right = set(catalogue.ids[scores > threshold].tolist())
    recall = len(set(found.ids.tolist()) & right) / len(right)
    record_property("recall", round(recall, 4))
    assert not found.truncated
    assert recall == 1 if filled.capabilities.range_exact else recall >= 0.99


def test_a_filter_that_nothing_passes_finds_nothing(filled: VectorStore, catalogue: Catalogue) -> None:
    for filter_ in (Eq("cat", 12345), In("cat", ()), Range("price", 0.5, 0.5), Not(And(()))):
        ids, scores = filled.search(catalogue.queries[:2], 3, filter_)
        assert (ids == -1).all()
        assert (scores == -np.inf).all()
        assert filled.count(filter_) == 0
        assert [len(one.ids) for one in filled.range_search(catalogue.queries[:2], -1.0, filter_)] == [0, 0]


def test_a_search_under_a_filter_ends_where_no_more_pass(filled: VectorStore, catalogue: Catalogue) -> None:
    filter_ = And((Eq("cat", 7), Range("price", 0.5, 0.51)))
    passing = set(catalogue.ids[catalogue.passes(filter_)].tolist())
    assert 2 < len(passing) < 50
    ids, scores = filled.search(catalogue.queries[:3], 50, filter_)
    for some, said in zip(ids.tolist(), scores.tolist(), strict=True):
        assert set(some[: len(passing)]) == passing
        assert set(some[len(passing) :]) == {-1}
        assert set(said[len(passing) :]) == {-np.inf}


def test_all_are_gone_through_once_in_order_with_their_very_vectors(
    filled: VectorStore, catalogue: Catalogue
) -> None:
    parts = list(filled.iterate(3000))
    assert max(len(ids) for ids, _ in parts) <= 3000
    ids = np.concatenate([ids for ids, _ in parts])
    vectors = np.concatenate([vectors for _, vectors in parts])
    assert np.array_equal(ids, catalogue.ids)
    assert np.array_equal(vectors, catalogue.vectors)


def test_a_store_that_is_opened_again_knows_its_last_commit(filled: VectorStore) -> None:
    assert filled.committed() == 42
    assert filled.count() == COUNT


def test_more_than_an_engine_gives_at_once_is_refused(filled: VectorStore, catalogue: Catalogue) -> None:
    most = filled.capabilities.max_k
    if most is None:
        ids, _ = filled.search(catalogue.queries[:1], COUNT + 10)
        assert (ids == -1).sum() == 10
    else:
        ids, _ = filled.search(catalogue.queries[:1], most)
        assert len(set(ids[0].tolist()) - {-1}) >= 0.99 * most
        with pytest.raises(UsageRefused, match=f"k is {most + 1}"):
            filled.search(catalogue.queries[:1], most + 1)
    with pytest.raises(UsageRefused, match="k is 0"):
        filled.search(catalogue.queries[:1], 0)


def test_what_holds_other_vectors_or_attributes_is_not_opened(engine: Engine, filled: VectorStore) -> None:
    with pytest.raises(UsageRefused, match=f"holds vectors of {DIM} values"):
        engine.open("filled", DIM + 1)
    with pytest.raises(UsageRefused, match="asked for are"):
        engine.open("filled", DIM, {name: kind for name, kind in KINDS.items() if name != "cat"})
