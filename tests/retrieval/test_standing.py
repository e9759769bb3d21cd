import numpy as np
import pytest

from retrieval.metric import Metric
from retrieval.normalisation import DEPTH, normalised_scores
from retrieval.search import build_index
from retrieval.similarity import normalise
from retrieval.standing import standing_pairs


def gallery(count: int, dim: int = 8) -> np.ndarray:
    return normalise(np.random.default_rng(count).normal(size=(count, dim)).astype(np.float32) + 0.3)


def found(vectors: np.ndarray, rows: list[int], least: float) -> dict[tuple[int, int], float]:
    ids = np.arange(len(vectors), dtype=np.int64) * 3 + 5
    index = build_index(
        lambda: iter([(ids, vectors)]), dim=vectors.shape[1], metric=Metric.COSINE, count=len(vectors)
    )
    pairs = standing_pairs(vectors, ids, np.array(rows, np.int64), index, least)
    return dict(
        zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.scores.tolist(), strict=True)
    )


def by_a_plain_loop(vectors: np.ndarray, rows: list[int], least: float) -> dict[tuple[int, int], float]:
    pairs = {}
    for row in rows:
        scores = vectors.astype(np.float64) @ vectors[row].astype(np.float64)
        others = sorted((o for o in range(len(vectors)) if o != row), key=lambda o: -scores[o])[:DEPTH]
        standing = normalised_scores(scores[others], vectors[others])
        pairs |= {
            (min(row, o), max(row, o)): scores[o] for o, s in zip(others, standing, strict=True) if s >= least
        }
    return pairs


@pytest.mark.parametrize("rows", [list(range(60)), [3, 17, 40]])
def test_each_row_is_held_against_its_nearest_others(rows: list[int]) -> None:
    vectors = gallery(60)
    expected = by_a_plain_loop(vectors, rows, 0.3)
    assert len(expected) >= 3
    assert found(vectors, rows, 0.3) == pytest.approx(expected)


def test_a_pair_that_stands_out_from_one_side_is_enough() -> None:
    vectors = np.eye(6, dtype=np.float32)
    vectors[1] = normalise(np.array([[1, 1, 0, 0, 0, 0]], np.float32))[0]
    vectors[2:5] = normalise(
        vectors[2:5] + vectors[1]
    )  # the second picture is near all of them, the first is not
    assert (0, 1) in found(vectors, list(range(6)), 0.4)


def test_one_vector_alone_has_no_pair() -> None:
    assert found(gallery(1), [0], 0.0) == {}


def test_of_no_rows_there_are_no_pairs() -> None:
    assert found(gallery(5), [], 0.0) == {}
