import io

import faiss
import numpy as np
import pytest

from retrieval.errors import IndexInvalid, VectorsInvalid
from retrieval.metric import Metric
from retrieval.search import NeighbourIndex, build_index, read_index
from retrieval.similarity import normalise, scores

DIM = 16


def gallery(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    vectors = normalise(generator.normal(size=(count, DIM)).astype(np.float32))
    return generator.permutation(10 * count)[:count].astype(np.int64), vectors


def built(
    ids: np.ndarray, vectors: np.ndarray, metric: Metric = Metric.COSINE, exact_limit: int = 10**6
) -> NeighbourIndex:
    half = len(ids) // 2

    def batches() -> list[tuple[np.ndarray, np.ndarray]]:
        return [(ids[:half], vectors[:half]), (ids[half:], vectors[half:])]

    return build_index(batches, dim=vectors.shape[1], metric=metric, count=len(ids), exact_limit=exact_limit)


@pytest.mark.parametrize("metric", list(Metric))
def test_exact_search_equals_a_plain_loop_over_all_scores(metric: Metric) -> None:
    ids, vectors = gallery(300)
    index = built(ids, vectors, metric)
    queries = gallery(20, seed=1)[1]
    for query, found in zip(queries, index.search(queries, 10), strict=True):
        all_scores = scores(query, vectors, metric)
        expected = ids[np.argsort(-all_scores, kind="stable")[:10]]
        assert found.ids[:10].tolist() == expected.tolist()
        assert np.allclose(found.scores[:10], np.sort(all_scores)[::-1][:10], atol=1e-4)


def test_everything_that_ties_with_the_last_place_is_returned() -> None:
    ids, vectors = gallery(200)
    vectors[50:150] = vectors[50]
    found = built(ids, vectors).search(vectors[50:51], 3)[0]
    assert set(found.ids.tolist()) == set(ids[50:150].tolist())


def test_more_neighbours_than_there_are_gives_them_all() -> None:
    ids, vectors = gallery(5)
    assert len(built(ids, vectors).search(vectors[:1], 50)[0].ids) == 5


def test_an_empty_index_answers_with_nothing() -> None:
    index = built(np.empty(0, np.int64), np.empty((0, DIM), np.float32))
    assert len(index.search(np.ones((1, DIM), np.float32), 3)[0].ids) == 0


@pytest.mark.parametrize("exact_limit", [10**6, 100])
def test_a_search_limited_to_some_ids_returns_only_those_and_misses_none(exact_limit: int) -> None:
    ids, vectors = gallery(400)
    index = built(ids, vectors, exact_limit=exact_limit)
    allowed = np.sort(ids[::7])
    found = index.search(vectors[3:4], 10, allowed)[0]
    all_scores = scores(vectors[3], vectors[::7], Metric.COSINE)
    assert found.ids[:10].tolist() == ids[::7][np.argsort(-all_scores)[:10]].tolist()


def test_beyond_the_exact_limit_the_search_reports_the_recall_it_reached() -> None:
    ids, vectors = gallery(2000)
    index = built(ids, vectors, exact_limit=500)
    assert index.kind == "ivf"
    assert 0.99 <= index.recall <= 1
    queries = gallery(100, seed=5)[1]
    found = index.search(queries, 10)
    truth = [ids[np.argsort(-scores(query, vectors, Metric.COSINE))[:10]] for query in queries]
    hits = [len(set(f.ids.tolist()) & set(t.tolist())) / 10 for f, t in zip(found, truth, strict=True)]
    assert np.mean(hits) >= 0.95


@pytest.mark.parametrize("exact_limit", [10**6, 100])
def test_a_search_limited_to_ids_that_are_not_there_finds_nothing(exact_limit: int) -> None:
    ids, vectors = gallery(400)
    index = built(ids, vectors, exact_limit=exact_limit)
    found = index.search(vectors[:2], 3, np.array([ids.max() + 1]))
    assert [(len(one.ids), len(one.scores)) for one in found] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("exact_limit", [10**6, 100])
def test_an_index_reads_back_as_it_was_written(exact_limit: int) -> None:
    ids, vectors = gallery(300)
    index = built(ids, vectors, exact_limit=exact_limit)
    stream = io.BytesIO()
    index.write(stream.write)
    stream.seek(0)
    again = read_index(stream.read, dim=DIM, metric=Metric.COSINE, count=300, recall=index.recall)
    assert again.kind == index.kind
    assert again.ids.tolist() == sorted(ids.tolist())
    assert again.search(vectors[:1], 5)[0].ids.tolist() == index.search(vectors[:1], 5)[0].ids.tolist()


def test_an_error_while_writing_comes_out_of_write() -> None:
    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        built(*gallery(10)).write(full)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "other dimension", "other count", "other metric"])
def test_bytes_that_are_not_the_expected_index_are_refused(damage: str) -> None:
    stream = io.BytesIO()
    built(*gallery(50)).write(stream.write)
    data = stream.getvalue()
    expected = {"dim": DIM, "metric": Metric.COSINE, "count": 50, "recall": 1.0}
    if damage == "garbage":
        data = b"not an index at all" * 20
    elif damage == "truncated":
        data = data[: len(data) // 2]
    elif damage == "other dimension":
        expected["dim"] = DIM + 1
    elif damage == "other count":
        expected["count"] = 51
    else:
        expected["metric"] = Metric.L2
    with pytest.raises(IndexInvalid):
        read_index(io.BytesIO(data).read, **expected)


def test_a_sound_index_of_a_kind_that_is_never_written_is_refused_by_its_name() -> None:
    data = faiss.serialize_index(faiss.IndexFlat(DIM, faiss.METRIC_INNER_PRODUCT)).tobytes()
    with pytest.raises(IndexInvalid, match="unexpected FAISS index IndexFlat"):
        read_index(io.BytesIO(data).read, dim=DIM, metric=Metric.COSINE, count=0, recall=1.0)


def test_vectors_with_nan_are_refused() -> None:
    ids, vectors = gallery(10)
    vectors[3, 3] = np.nan
    with pytest.raises(VectorsInvalid, match="NaN"):
        built(ids, vectors)


def test_a_count_that_the_batches_do_not_hold_is_refused() -> None:
    ids, vectors = gallery(10)
    with pytest.raises(IndexInvalid, match="expected 11"):
        build_index(lambda: [(ids, vectors)], dim=DIM, metric=Metric.COSINE, count=11)
