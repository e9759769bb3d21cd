"""The scores that are answers: inner products in float64, whatever an engine said, and the order that they give."""

import numpy as np

from retrieval.similarity import Float32, Float64, Int64

ABSENT = -1
_DECIMALS = 12  # beyond lies only rounding, which must not break ties


def exact_scores(query: Float32, vectors: Float32) -> Float64:
    """Score a (dim,) query against (n, dim) vectors, to twelve decimals."""
    return np.asarray((vectors.astype(np.float64) @ query.astype(np.float64)).round(_DECIMALS))


def best_first(ids: Int64, scores: Float64) -> Int64:
    """Return the places, (n,), of the best to the worst; ties by the smaller id."""
    return np.lexsort((ids, -scores))


def padded(count: int, k: int) -> tuple[Int64, Float64]:
    """Return an answer to ``count`` queries that found nothing: (count, k) ids and scores."""
    return np.full((count, k), ABSENT, np.int64), np.full((count, k), -np.inf)
