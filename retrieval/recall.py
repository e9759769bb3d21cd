"""What an approximate search is held against: the true neighbours of queries that are like a catalogue's vectors."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from retrieval.metric import Metric
from retrieval.similarity import Float32, Int64, require_vectors

Batches = Callable[[], Iterable[tuple[Int64, Float32]]]


@dataclass(frozen=True)
class Sample:
    """Some of the vectors and the least and largest values of all, as rows of one array, (n + 2, dim): it is large."""

    rows: Float32

    @property
    def vectors(self) -> Float32:
        """Some of the vectors, (n, dim)."""
        return self.rows[:-2]

    @property
    def low(self) -> Float32:
        """The least values of all, (dim,)."""
        low: Float32 = self.rows[-2]
        return low

    @property
    def high(self) -> Float32:
        """The largest values of all, (dim,)."""
        high: Float32 = self.rows[-1]
        return high

    def queries(self, size: int) -> Float32:
        """Make up to ``size`` queries: vectors of the sample, each moved a third of the way to another.

        A query is no vector of the catalogue: it is an edited picture, or another thing of a kind.
        """
        some = self.vectors[:: max(1, math.ceil(len(self.vectors) / size))]
        return some + (np.roll(some, 1, axis=0) - some) / np.float32(3)


def draw_sample(batches: Batches, dim: int, size: int, count: int) -> Sample:
    """Take up to ``size`` of ``count`` vectors, evenly spread and the same ones every time.

    Raises:
        VectorsInvalid: vectors of another shape, or not finite.
    """
    step = max(1, math.ceil(count / size))
    rows, taken, offset = np.empty((math.ceil(count / step) + 2, dim), np.float32), 0, 0
    low, high = np.full(dim, np.inf, np.float32), np.full(dim, -np.inf, np.float32)
    for _, some in batches():
        checked = require_vectors(some, dim)
        part = checked[(-offset) % step :: step][: len(rows) - 2 - taken]
        rows[taken : taken + len(part)] = part
        taken += len(part)
        low = np.minimum(low, checked.min(axis=0, initial=np.inf))
        high = np.maximum(high, checked.max(axis=0, initial=-np.inf))
        offset += len(some)
    rows[taken : taken + 2] = low, high
    return Sample(rows[: taken + 2])


def true_neighbours(batches: Batches, queries: Float32, k: int, metric: Metric) -> list[list[int]]:
    """Return the ids of the ``k`` nearest of all vectors to each of (n, dim) queries, in no order."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    best_ids = np.full((len(queries), k), -1, np.int64)
    for ids, vectors in batches():
        near = queries @ vectors.T
        if (
            metric is Metric.L2
        ):  # the nearer, the larger; what all vectors share with a query changes no order
            near = 2 * near - (vectors**2).sum(axis=1)
        near, found = np.hstack([best, near]), np.hstack([best_ids, np.broadcast_to(ids, near.shape)])
        order = np.argpartition(-near, k - 1, axis=1)[:, :k]
        best, best_ids = np.take_along_axis(near, order, 1), np.take_along_axis(found, order, 1)
    return [row[row >= 0].tolist() for row in best_ids]
