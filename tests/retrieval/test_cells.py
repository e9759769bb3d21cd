"""Beyond the exact limit vectors are compressed: what must still hold."""

import io

import faiss
import numpy as np
import pytest

from retrieval.errors import IndexInvalid
from retrieval.metric import Metric
from retrieval.search import TARGET_RECALL, NeighbourIndex, build_index, read_index
from retrieval.similarity import normalise, scores


def clustered(count: int, dim: int, seed: int = 0) -> np.ndarray:
    """Vectors as catalogues have them: kinds of things, and their variants."""
    kinds = np.random.default_rng(99).normal(size=(40, dim))
    generator = np.random.default_rng(seed)
    vectors = kinds[generator.integers(0, 40, count)] + 0.5 * generator.normal(size=(count, dim))
    return normalise(vectors.astype(np.float32))


def compressed(vectors: np.ndarray, metric: Metric = Metric.COSINE) -> NeighbourIndex:
    ids = 3 * np.arange(len(vectors), dtype=np.int64)
    return build_index(
        lambda: [(ids, vectors)], dim=vectors.shape[1], metric=metric, count=len(vectors), exact_limit=1
    )


def read_back(index: faiss.Index, dim: int, count: int) -> NeighbourIndex:
    data = faiss.serialize_index(index).tobytes()
    return read_index(io.BytesIO(data).read, dim=dim, metric=Metric.COSINE, count=count, recall=1.0)


@pytest.mark.parametrize("metric", list(Metric))
def test_no_score_is_further_off_than_the_index_says(metric: Metric) -> None:
    vectors = clustered(2000, 32) * (1 if metric is Metric.COSINE else 5)
    index = compressed(vectors, metric)
    queries = normalise(vectors[::40] + 0.01)
    assert 0 < index.error < 0.2
    for query, found in zip(queries, index.search(queries, 10), strict=True):
        true = scores(query, vectors[found.ids // 3], metric)
        assert np.abs(found.scores - true).max() <= index.error + 1e-6


def test_a_vector_beyond_all_that_was_learned_from_is_not_cut_off() -> None:
    vectors = clustered(20_000, 8)
    vectors[-1] *= 10  # of so many every other one is learned from, and the last is none of them
    index = compressed(vectors, Metric.L2)
    found = index.search(vectors[-1:], 1)[0]
    assert found.ids[0] == 3 * 19_999
    assert found.scores[0] >= 1 - index.error - 1e-6


@pytest.mark.parametrize("metric", list(Metric))
def test_of_a_thousand_neighbours_of_new_queries_five_are_missed_or_so(metric: Metric) -> None:
    vectors, queries = clustered(4000, 32), clustered(200, 32, seed=1)
    index = compressed(vectors, metric)
    hits = []
    for query, found in zip(queries, index.search(queries, 10), strict=True):
        true = 3 * np.argsort(-scores(query, vectors, metric), kind="stable")[:10]
        hits.append(len(set(true) & set(found.ids)) / 10)
    assert index.recall >= TARGET_RECALL
    assert np.mean(hits) >= 0.985


@pytest.mark.parametrize("metric", list(Metric))
def test_queries_unlike_anything_in_the_catalogue_find_most_of_their_neighbours_too(metric: Metric) -> None:
    vectors, queries = clustered(4000, 32), normalise(np.random.default_rng(5).normal(size=(200, 32)))
    found = compressed(vectors, metric).search(queries.astype(np.float32), 10)
    truth = [3 * np.argsort(-scores(query, vectors, metric))[:10] for query in queries]
    assert np.mean([len(set(f.ids) & set(t)) / 10 for f, t in zip(found, truth, strict=True)]) >= 0.7


def test_all_of_many_equal_vectors_are_returned_where_they_share_the_last_place() -> None:
    vectors = clustered(1500, 32)
    vectors[200:700] = vectors[200]
    found = compressed(vectors).search(vectors[200:201], 3)[0]
    assert set(range(600, 2100, 3)) <= set(found.ids)


@pytest.mark.parametrize("metric", list(Metric))
def test_a_search_among_some_ids_misses_none_although_scores_are_rounded(metric: Metric) -> None:
    vectors, queries = clustered(2000, 32), clustered(30, 32, seed=2)
    allowed = 3 * np.arange(0, 2000, 7)
    for query, found in zip(queries, compressed(vectors, metric).search(queries, 10, allowed), strict=True):
        true = allowed[np.argsort(-scores(query, vectors[::7], metric), kind="stable")[:10]]
        assert set(true) <= set(found.ids) <= set(allowed)


def test_a_search_among_some_ids_misses_none_of_many_that_rounding_makes_alike() -> None:
    vectors, noise = clustered(2000, 32), np.random.default_rng(4).normal(size=(300, 32))
    vectors[:300] = normalise((vectors[0] + 2e-4 * noise).astype(np.float32))
    index, allowed = compressed(vectors), 3 * np.arange(300)
    for query in vectors[:20]:
        true = 3 * np.argsort(-scores(query, vectors[:300], Metric.COSINE), kind="stable")[:5]
        assert set(true) <= set(index.search(query[None], 5, allowed)[0].ids)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("dim", [1, 2, 7, 33])
@pytest.mark.parametrize("count", [2, 5, 300])
def test_vectors_of_any_dimension_and_number_can_be_compressed(dim: int, count: int, metric: Metric) -> None:
    vectors = clustered(count, dim)
    index = compressed(vectors, metric)
    assert index.ids.tolist() == list(range(0, 3 * count, 3))
    assert index.search(vectors[:1], 1)[0].scores[0] == pytest.approx(1, abs=index.error + 1e-3)


@pytest.mark.parametrize("codes", ["PQ16x4fs", "PQ16x4fsr"])
def test_cells_with_whole_centres_are_read_as_they_were_written_before(codes: str) -> None:
    vectors = clustered(2000, 32)
    index = faiss.index_factory(32, f"IDMap,IVF40,{codes},Refine(SQ8)", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add_with_ids(vectors, np.arange(2000))
    found = read_back(index, 32, 2000).search(vectors[:50], 1)
    assert np.mean([place in one.ids for place, one in enumerate(found)]) > 0.9


def test_nothing_is_said_on_the_terminal_while_cells_are_learned(capfd: pytest.CaptureFixture[str]) -> None:
    compressed(clustered(300, 32))
    assert capfd.readouterr() == ("", "")


def test_compressed_vectors_take_a_third_of_the_room_or_so() -> None:
    vectors, sizes = clustered(20_000, 64), []
    for limit in (1, 10**6):
        stream = io.BytesIO()
        index = build_index(
            lambda: [(np.arange(20_000), vectors)],
            dim=64,
            metric=Metric.COSINE,
            count=20_000,
            exact_limit=limit,
        )
        index.write(stream.write)
        sizes.append(stream.tell())
    assert sizes[0] < 0.45 * sizes[1]


@pytest.mark.parametrize(
    "factory", ["IVF4,Flat", "IDMap,SQ8", "IDMap,IVF4,PQ16x4fs", "IDMap,IVF4,Flat,Refine(SQ8)"]
)
def test_a_sound_structure_that_is_never_written_is_refused(factory: str) -> None:
    vectors = clustered(700, 32)
    other = faiss.index_factory(32, factory, faiss.METRIC_INNER_PRODUCT)
    other.train(vectors)
    other.add_with_ids(vectors, np.arange(700))
    with pytest.raises(IndexInvalid, match="unexpected FAISS index"):
        read_back(other, 32, 700)
