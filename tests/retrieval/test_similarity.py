"""Scores, distances and unit length, against loops that anyone can check by eye."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from retrieval.errors import VectorsInvalid
from retrieval.metric import Metric
from retrieval.similarity import distance_from_score, normalise, require_vectors, score_from_distance, scores

values = st.floats(-1e3, 1e3, width=32)
galleries = arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(4)), elements=values)
queries = arrays.arrays(np.float32, 4, elements=values)


def cosine_by_loop(a: list[float], b: list[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


@given(query=queries, gallery=galleries)
def test_cosine_score_is_the_cosine(query: np.ndarray, gallery: np.ndarray) -> None:
    expected = [cosine_by_loop(query.tolist(), row) for row in gallery.tolist()]
    assert scores(query, gallery, Metric.COSINE) == pytest.approx(expected, abs=1e-6)


@given(query=queries, gallery=galleries)
def test_l2_score_is_one_over_one_plus_the_euclidean_distance(query: np.ndarray, gallery: np.ndarray) -> None:
    expected = [1 / (1 + math.dist(query.tolist(), row)) for row in gallery.tolist()]
    assert scores(query, gallery, Metric.L2) == pytest.approx(expected, rel=1e-9)


@given(query=queries, gallery=galleries)
def test_a_cosine_score_never_leaves_minus_one_to_one(query: np.ndarray, gallery: np.ndarray) -> None:
    result = scores(query, gallery, Metric.COSINE)
    assert result.min() >= -1
    assert result.max() <= 1


@pytest.mark.parametrize("metric", Metric)
@given(query=queries)
def test_a_vector_is_at_distance_0_of_itself(metric: Metric, query: np.ndarray) -> None:
    distance = distance_from_score(scores(query, query[None], metric), metric)
    expected = 0 if query.any() or metric is Metric.L2 else 1  # a zero vector has no direction
    assert distance == pytest.approx([expected], abs=1e-9)


@pytest.mark.parametrize(("metric", "farthest"), [(Metric.COSINE, 2.0), (Metric.L2, 1e6)])
def test_score_and_distance_are_each_others_inverse(metric: Metric, farthest: float) -> None:
    distance = np.linspace(0, farthest, 101)
    score = score_from_distance(distance, metric)
    assert (np.diff(score) < 0).all()
    assert distance_from_score(score, metric) == pytest.approx(distance, rel=1e-6, abs=1e-9)


@given(vectors=galleries)
def test_normalised_rows_have_length_1_and_keep_their_direction(vectors: np.ndarray) -> None:
    for row, unit in zip(vectors.tolist(), normalise(vectors), strict=True):
        length = math.sqrt(sum(x * x for x in row))
        assert unit.tolist() == pytest.approx([x / length if length else 0.0 for x in row], abs=1e-6)


def test_normalising_neither_changes_the_input_nor_overflows() -> None:
    huge = np.full((1, 3), 3e38, np.float32)
    assert normalise(huge) == pytest.approx(np.full((1, 3), 3**-0.5), abs=1e-6)
    assert (huge == np.float32(3e38)).all()


def test_vectors_are_converted_to_contiguous_float32() -> None:
    result = require_vectors(np.arange(12.0).reshape(4, 3).T, 4)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert result[2].tolist() == [2, 5, 8, 11]


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 4, 1), (0, 3)])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(VectorsInvalid, match=r"expected vectors of shape \(n, 4\)"):
        require_vectors(np.zeros(shape), 4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(value: float) -> None:
    vectors = np.zeros((3, 4), np.float32)
    vectors[1, 2] = value
    with pytest.raises(VectorsInvalid, match="NaN or infinite"):
        require_vectors(vectors, 4)


def test_no_vectors_at_all_are_sound() -> None:
    assert require_vectors(np.zeros((0, 4)), 4).shape == (0, 4)
