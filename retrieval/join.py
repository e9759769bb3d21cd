"""Exact threshold joins: every pair whose score reaches a threshold, none missed and none invented.

A pass over 8-bit codes proposes pairs. It can only propose too many: for vectors x = s·a + r and y = t·b + q, with
integer codes a and b and the residuals r and q that rounding left,

    |x·y - s·t·(a·b)|  =  |s·a·q + r·y|  <=  ‖s·a‖‖q‖ + ‖r‖‖y‖        (Cauchy and Schwarz)

and a·b is computed without error. A pair is proposed unless its integer score lies below the threshold by more than the
largest such bound of its block; each proposal is then scored in float64 and held to the threshold itself.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.integer_product import RIGHT_LIMIT, ZERO_POINT, integer_product
from retrieval.similarity import Float32, Float64, Int64

_BLOCK = 1024  # a block of products, 4 MB of int32, stays in the processor's cache while it is looked through
_LEFT_LIMIT = 127
_RESCORED = 16_384  # pairs at once: 64 MB of float64 at 256 dimensions
_SLACK = 1e-9  # float64's own rounding in the norms and in the score


@dataclass(frozen=True)
class Pairs:
    """Row numbers first < second, (m,) int64 each, ordered, and their scores, (m,) float64.

    Of a join between two sets, ``first`` are rows of the one and ``second`` of the other.
    """

    first: Int64
    second: Int64
    scores: Float64


@dataclass(frozen=True)
class _Codes:
    """One block's integer codes, and the largest norms in it: of what the codes say, of what they leave, of the whole."""

    start: int
    values: npt.NDArray[np.int8]
    step: float
    coded: float
    residual: float
    whole: float


def self_join(vectors: Float32, threshold: float, threads: int | None = None) -> Pairs:
    """Find all pairs among (n, dim) unit vectors with cosine >= ``threshold``, judged in float64."""
    return _joined(vectors, vectors, threshold, threads, within=True)


def cross_join(vectors: Float32, others: Float32, threshold: float, threads: int | None = None) -> Pairs:
    """Find all pairs between (n, dim) and (m, dim) unit vectors with cosine >= ``threshold``, judged in float64."""
    return _joined(vectors, others, threshold, threads, within=False)


def _joined(
    vectors: Float32, others: Float32, threshold: float, threads: int | None, *, within: bool
) -> Pairs:
    """Go over the blocks of the matrix of scores, of its upper triangle where both sets are one."""
    columns = [_codes(others, start, RIGHT_LIMIT) for start in range(0, len(others), _BLOCK)]
    # Turned once for all rows: the kernel takes the right matrix as (dim, n).
    turned = [np.ascontiguousarray(column.values.T) for column in columns]
    given_up = threading.Event()

    def row_of_blocks(start: int) -> list[Pairs]:
        if given_up.is_set():
            return []
        left = _codes(vectors, start, _LEFT_LIMIT)
        values = (left.values.astype(np.int16) + ZERO_POINT).astype(np.uint8)
        found = []
        for right, matrix in zip(columns, turned, strict=True):
            if given_up.is_set():
                return []
            if not within or right.start + _BLOCK > start:
                rows, places = _proposed(integer_product(values, matrix), _least(left, right, threshold))
                first, second = rows + start, places + right.start
                if within and right.start <= start:
                    first, second = first[first < second], second[first < second]
                found += list(_held(vectors, others, first, second, threshold))
        return found

    starts = range(0, len(vectors), _BLOCK)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        try:
            found = [pairs for row in pool.map(row_of_blocks, starts) for pairs in row]
        except BaseException:  # such as an interrupt; a row of a million takes seconds
            given_up.set()
            raise
    return ordered(found)


def _codes(vectors: Float32, start: int, limit: int) -> _Codes:
    """Round a block to multiples of one step, so that its largest value becomes ``limit``."""
    block = vectors[start : start + _BLOCK].astype(np.float64)
    step = max(float(np.abs(block).max(initial=0)) / limit, 1e-30)
    values = np.rint(block / step)
    coded = values * step
    norms = (np.linalg.norm(part, axis=1).max(initial=0) for part in (coded, block - coded, block))
    return _Codes(start, values.astype(np.int8), step, *map(float, norms))


def _least(left: _Codes, right: _Codes, threshold: float) -> int:
    """The smallest integer score that a pair at the threshold can have."""
    bound = left.coded * right.residual + left.residual * right.whole + _SLACK
    return int(np.floor((threshold - bound) / (left.step * right.step)))


def _proposed(products: npt.NDArray[np.int32], least: int) -> tuple[Int64, Int64]:
    """Rows and columns of the products that reach ``least``; most blocks have none, which their largest value tells."""
    rows = np.flatnonzero(products.max(axis=1) >= least)
    if not len(rows):
        return rows, rows
    near, places = np.nonzero(products[rows] >= least)
    return rows[near], places


def _held(
    vectors: Float32, others: Float32, first: Int64, second: Int64, threshold: float
) -> Iterator[Pairs]:
    """Score proposals in float64, and keep those that reach the threshold."""
    for at in range(0, len(first), _RESCORED):
        i, j = first[at : at + _RESCORED], second[at : at + _RESCORED]
        scores = np.einsum("md,md->m", vectors[i].astype(np.float64), others[j].astype(np.float64))
        near = scores >= threshold
        if near.any():
            yield Pairs(i[near], j[near], scores[near])


def ordered(parts: Iterable[Pairs]) -> Pairs:
    """Put together what the parts of a join found, by ``first`` and then by ``second``: in any order the same bytes."""
    found = list(parts)
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    first, second = (
        np.concatenate([getattr(pairs, side) for pairs in found]) for side in ("first", "second")
    )
    scores = np.concatenate([pairs.scores for pairs in found])
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], np.clip(scores[order], -1, 1))
