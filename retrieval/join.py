"""Exact threshold join: every pair of a gallery whose score reaches a threshold, none missed and none invented."""

from dataclasses import dataclass

import numpy as np

from retrieval.similarity import Float32, Float64, Int64

_BLOCK = 2048
# float32 products of unit vectors are off by less than this (256 terms, 24-bit significand: 256 * 2**-24).
_ROUNDING = 2e-5


@dataclass(frozen=True)
class Pairs:
    """Row numbers first < second, (m,) int64 each, ordered, and their scores, (m,) float64."""

    first: Int64
    second: Int64
    scores: Float64


def self_join(vectors: Float32, threshold: float) -> Pairs:
    """Find all pairs among (n, dim) unit vectors with cosine >= ``threshold``, judged in float64.

    Blocks of the upper triangle bound the memory to two blocks of vectors and one of products.
    """
    found: list[tuple[Int64, Int64, Float64]] = []
    for top in range(0, len(vectors), _BLOCK):
        rows = vectors[top : top + _BLOCK]
        for left in range(top, len(vectors), _BLOCK):
            columns = vectors[left : left + _BLOCK]
            i, j = np.nonzero(rows @ columns.T >= threshold - _ROUNDING)
            upper = i + top < j + left
            i, j = i[upper], j[upper]
            exact = np.einsum("md,md->m", rows[i].astype(np.float64), columns[j].astype(np.float64))
            near = exact >= threshold
            found.append((i[near] + top, j[near] + left, exact[near]))
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    first, second, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], np.clip(scores[order], -1, 1))
