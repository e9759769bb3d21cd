import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from retrieval.errors import VectorsInvalid
from retrieval.metric import Metric
from retrieval.recall import draw_sample, true_neighbours
from retrieval.similarity import scores

Part = tuple[np.ndarray, np.ndarray]


def parts(count: int, dim: int, sizes: tuple[int, ...] = (7, 1, 40)) -> tuple[Part, list[Part]]:
    generator = np.random.default_rng(3)
    ids, vectors = generator.permutation(10 * count)[:count], generator.normal(size=(count, dim))
    vectors = vectors.astype(np.float32)
    cuts = np.cumsum(sizes)
    return (ids, vectors), list(zip(np.split(ids, cuts), np.split(vectors, cuts), strict=True))


@pytest.mark.parametrize("metric", list(Metric))
def test_the_true_neighbours_are_those_of_a_plain_loop(metric: Metric) -> None:
    (ids, vectors), batches = parts(100, 5)
    if metric is Metric.COSINE:
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        batches = [(ids[:3], vectors[:3]), (ids[3:], vectors[3:])]
    queries = vectors[:20] + np.float32(0.1)
    for query, near in zip(queries, true_neighbours(lambda: batches, queries, 6, metric), strict=True):
        by_score = sorted(range(100), key=lambda row: -scores(query, vectors[[row]], metric)[0])
        assert set(near) == set(ids[by_score[:6]])


def test_fewer_vectors_than_neighbours_asked_for_are_all_there_is() -> None:
    (ids, vectors), batches = parts(4, 5, (2,))
    assert sorted(true_neighbours(lambda: batches, vectors[:1], 10, Metric.L2)[0]) == sorted(ids)


def test_queries_lie_between_vectors_of_the_sample_and_are_none_of_them() -> None:
    (_, vectors), batches = parts(60, 4)
    sample = draw_sample(lambda: batches, 4, 60, 60)
    for query in sample.queries(30):
        towards = 3 * query - 2 * vectors  # where each would be moved to, if it were the one
        assert np.linalg.norm(vectors - query, axis=1).min() > 0.1
        assert np.linalg.norm(towards[:, None] - vectors, axis=2).min() < 1e-5


def test_a_sample_is_spread_evenly_whatever_the_batches_and_knows_the_bounds_of_all() -> None:
    (_, vectors), batches = parts(100, 3)

    def again() -> Iterator[Part]:
        yield from batches

    sample = draw_sample(again, 3, 20, 100)
    assert np.array_equal(sample.vectors, vectors[::5])
    assert np.array_equal(sample.low, vectors.min(axis=0))
    assert np.array_equal(sample.high, vectors.max(axis=0))


def test_vectors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(VectorsInvalid):
        draw_sample(lambda: [(np.arange(1), np.full((1, 3), np.nan, np.float32))], 3, 1, 1)


def test_no_more_of_the_batches_is_held_than_is_sampled() -> None:
    batch_bytes = 1000 * 32 * 4

    def batches() -> Iterator[Part]:
        for start in range(0, 100_000, 1000):
            yield np.arange(start, start + 1000), np.full((1000, 32), start, np.float32)

    tracemalloc.start()
    sample = draw_sample(batches, 32, 1000, 100_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sample.vectors) == 1000
    assert peak_bytes < 8 * batch_bytes
