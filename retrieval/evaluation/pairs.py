"""Pairs of the same and of different classes, drawn from labels, and their scores."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.evaluation.task import class_numbers, comparable
from retrieval.metric import Metric
from retrieval.similarity import Float32, Float64, Int64, score_from_distance

PAIRS_AT_MOST = 1_000_000
_BLOCK_PAIRS = 4096


@dataclass(frozen=True)
class LabelledPairs:
    """Row numbers (m,) of both sides, and whether they are of one class, (m,) bool."""

    first: Int64
    second: Int64
    same: npt.NDArray[np.bool_]


def pairs_from_labels(
    labels: Iterable[Hashable], *, at_most: int = PAIRS_AT_MOST, seed: int = 0
) -> LabelledPairs:
    """Pair the rows of (n,) labels: all pairs of one class and all of two, but at most ``at_most`` of each kind.

    Beyond that they are sampled evenly and without repetition. The pairs are numbered, not listed: sorted by class,
    the partners of a row in its class are the rows up to the end of the class, its others all rows from there.
    """
    (classes,) = class_numbers(labels)
    order = np.argsort(classes, kind="stable")
    count = len(order)
    ends = np.bincount(classes).cumsum()[classes[order]] if count else np.empty(0, np.int64)
    generator = np.random.default_rng(seed)
    same = _drawn(np.arange(1, count + 1), ends, at_most, generator)
    different = _drawn(ends, np.full(count, count), at_most, generator)
    first, second = (order[np.concatenate(sides)] for sides in zip(same, different, strict=True))
    kinds = np.arange(len(first)) < len(same[0])
    return LabelledPairs(np.minimum(first, second), np.maximum(first, second), kinds)


def _drawn(starts: Int64, stops: Int64, at_most: int, generator: np.random.Generator) -> tuple[Int64, Int64]:
    """Draw pairs (p, j) with starts[p] <= j < stops[p]: one from each of ``at_most`` equal strata."""
    before = np.concatenate([[0], (stops - starts).cumsum()])
    total = int(before[-1])
    count = min(total, at_most)
    edges = np.arange(count + 1) * total // max(count, 1)
    numbers = generator.integers(edges[:-1], edges[1:])
    first = np.searchsorted(before, numbers, side="right") - 1
    return first, starts[first] + numbers - before[first]


def pair_scores(vectors: Float32, first: Int64, second: Int64, metric: Metric = Metric.COSINE) -> Float64:
    """Score the rows ``first`` (m,) of (n, d) vectors with the rows ``second``: (m,), larger is nearer."""
    rows = comparable(vectors, metric)
    scores = np.empty(len(first))
    for start in range(0, len(first), _BLOCK_PAIRS):
        block = slice(start, start + _BLOCK_PAIRS)
        one, other = rows[first[block]], rows[second[block]]
        if metric is Metric.COSINE:
            scores[block] = np.einsum("md,md->m", one, other)
        else:
            scores[block] = score_from_distance(np.linalg.norm(one - other, axis=1), metric)
    return scores
