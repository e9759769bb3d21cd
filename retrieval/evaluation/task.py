"""What is measured: labelled queries against a labelled gallery, scored block by block."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.errors import LabelsInvalid
from retrieval.metric import Metric
from retrieval.similarity import Float32, Float64, Int64, require_vectors, score_from_distance

_BLOCK_SCORES = 4_000_000  # 32 MB of float64 at once
# Beyond these decimals lies only rounding, which must not order vectors that are equal.
_COSINE_DECIMALS, _SQUARED_DISTANCE_DECIMALS = 12, 9


@dataclass(frozen=True)
class RetrievalTask:
    """Queries (q, d) and gallery (n, d) in float64, their class numbers (q,) and (n,), and how they are scored.

    With ``leave_one_out`` both are the same rows, and no query finds itself.
    """

    queries: Float64
    query_classes: Int64
    gallery: Float64
    gallery_classes: Int64
    metric: Metric
    leave_one_out: bool

    @classmethod
    def within(cls, vectors: Float32, labels: Iterable[Hashable], metric: Metric = Metric.COSINE) -> Self:
        """Search each of (n, d) vectors among all others.

        Raises:
            VectorsInvalid, LabelsInvalid: not finite, or not one label a vector.
        """
        rows = comparable(vectors, metric)
        (classes,) = class_numbers(labels)
        _require_one_each(rows, classes)
        return cls(rows, classes, rows, classes, metric, leave_one_out=True)

    @classmethod
    def between(
        cls,
        queries: Float32,
        query_labels: Iterable[Hashable],
        gallery: Float32,
        gallery_labels: Iterable[Hashable],
        metric: Metric = Metric.COSINE,
    ) -> Self:
        """Search each of (q, d) queries in a gallery of (n, d).

        Raises:
            VectorsInvalid, LabelsInvalid: not finite, of two dimensions, or not one label a vector.
        """
        rows, others = (
            comparable(queries, metric),
            comparable(require_vectors(gallery, queries.shape[1]), metric),
        )
        classes, other_classes = class_numbers(query_labels, gallery_labels)
        _require_one_each(rows, classes)
        _require_one_each(others, other_classes)
        return cls(rows, classes, others, other_classes, metric, leave_one_out=False)

    @property
    def candidates(self) -> int:
        """How many of the gallery a query is compared with."""
        return len(self.gallery) - int(self.leave_one_out)

    def relevant_counts(self) -> Int64:
        """Count, for each of (q,) queries, the candidates of its class."""
        classes = 1 + max(self.query_classes.max(initial=-1), self.gallery_classes.max(initial=-1))
        sizes = np.bincount(self.gallery_classes, minlength=classes)
        return sizes[self.query_classes] - int(self.leave_one_out)

    def score_blocks(self) -> Iterator[tuple[slice, Float64]]:
        """Give the rows of (q, n) scores a few at a time; a query's score with itself is minus infinity."""
        step = max(1, _BLOCK_SCORES // max(1, len(self.gallery)))
        for start in range(0, len(self.queries), step):
            rows = slice(start, min(start + step, len(self.queries)))
            scores = score_matrix(self.queries[rows], self.gallery, self.metric)
            if self.leave_one_out:
                scores[np.arange(len(scores)), np.arange(rows.start, rows.stop)] = -np.inf
            yield rows, scores


def class_numbers(*labels: Iterable[Hashable]) -> list[Int64]:
    """Number the labels of one set, or of several together: equal labels have equal numbers from 0."""
    numbers: dict[Hashable, int] = {}
    return [
        np.array([numbers.setdefault(label, len(numbers)) for label in one_set], np.int64)
        for one_set in labels
    ]


def comparable(vectors: Float32, metric: Metric) -> Float64:
    """Return (n, d) vectors in float64; for cosine, of unit length (a zero row stays zero).

    Raises:
        VectorsInvalid: they are not finite, or not two-dimensional.
    """
    wide = require_vectors(vectors, np.shape(vectors)[-1]).astype(np.float64)
    if metric is Metric.COSINE:
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
        wide /= np.where(lengths > 0, lengths, 1)
    return wide


def score_matrix(queries: Float64, gallery: Float64, metric: Metric) -> Float64:
    """Score (q, d) against (n, d) `comparable` vectors: (q, n), larger is nearer, equal vectors score equal."""
    products: Float64 = queries @ gallery.T
    if metric is Metric.COSINE:
        products.round(_COSINE_DECIMALS, out=products)
        return products
    squared = (queries**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1) - 2 * products
    return score_from_distance(np.sqrt(squared.round(_SQUARED_DISTANCE_DECIMALS).clip(0)), metric)


def nearest(scores: Float64, depth: int) -> Int64:
    """Return the columns of the best ``depth`` of each row of (q, n) scores, best first, ties by column."""
    columns = scores.shape[1]
    if depth >= columns:
        return np.argsort(-scores, axis=1, kind="stable")
    least = np.partition(scores, columns - depth, axis=1)[:, columns - depth]
    found = np.empty((len(scores), depth), np.int64)
    for row, (values, bound) in enumerate(zip(scores, least, strict=True)):
        near = np.flatnonzero(values >= bound)
        found[row] = near[np.argsort(-values[near], kind="stable")[:depth]]
    return found


def _require_one_each(vectors: npt.NDArray[np.float64], classes: Int64) -> None:
    if len(vectors) != len(classes):
        raise LabelsInvalid(f"{len(vectors)} vectors have {len(classes)} labels")
