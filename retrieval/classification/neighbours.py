"""k nearest neighbours: each class is judged by its own k nearest pictures."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np

from retrieval.classification.head import encode_labels, unit_rows
from retrieval.similarity import Float32, Float64, Int64

_CELLS = 2**24  # cosines held at once: 64 MB


class NearestNeighbours:
    """Votes of each class's k nearest pictures, weighted by exp(cosine / temperature).

    The score of a class of n pictures is ``temperature * log(sum(exp(cosines / temperature)) / n)`` over its k
    nearest. The weights are those of Wu et al., CVPR 2018 ("Unsupervised Feature Learning via Non-Parametric
    Instance Discrimination"), who let the k nearest of all vote. Here each class has k votes, and their sum is
    divided by its size: the k nearest of many are nearer than those of few by chance alone. What a class scores
    does not depend on which others there are.

    Not ``balanced``, the votes are divided by their own number: the score is then a cosine, between the mean and the
    largest of the k, and says how near the class is and not how probable.
    """

    def __init__(self, k: int = 5, temperature: float = 0.07, *, balanced: bool = True) -> None:
        self.k = k
        self.temperature = temperature
        self.balanced = balanced

    def fit(self, vectors: Float32, labels: Sequence[str]) -> Self:
        """See `Head.fit`. Nothing is learned: the gallery is put in order by class."""
        gallery = unit_rows(vectors)
        self.classes, self._targets = encode_labels(labels, len(gallery))
        order = np.argsort(self._targets, kind="stable")
        self._gallery = gallery[order]
        self._column = np.argsort(order)
        self._sizes = np.bincount(self._targets)
        return self

    def predict_scores(self, queries: Float32) -> Float64:
        """See `Head.predict_scores`."""
        return self._class_scores(unit_rows(queries), None)

    def held_out_scores(self, rows: Int64) -> Float64:
        """See `Head.held_out_scores`: exact, the cosine of a picture with itself is left out."""
        return self._class_scores(self._gallery[self._column[rows]], rows)

    def _class_scores(self, queries: Float32, rows: Int64 | None) -> Float64:
        voters = np.minimum(self._sizes, self.k)
        ends = np.cumsum(self._sizes)
        # After the partition below a class's nearest are the last of its columns.
        kept = np.arange(len(self._gallery)) >= np.repeat(ends - voters, self._sizes)
        firsts = np.cumsum(voters) - voters
        scores = np.empty((len(queries), len(self.classes)))
        for block in _blocks(len(queries), len(self._gallery)):
            cosines = queries[block] @ self._gallery.T
            divisors = np.tile(self._sizes if self.balanced else voters, (len(cosines), 1))
            if rows is not None:
                own, each = rows[block], np.arange(len(cosines))
                cosines[each, self._column[own]] = -np.inf
                left = self._sizes[self._targets[own]] - 1
                divisors[each, self._targets[own]] = left if self.balanced else np.minimum(left, self.k)
            for class_ in np.flatnonzero(self._sizes > self.k):
                columns = cosines[:, ends[class_] - self._sizes[class_] : ends[class_]]
                columns.partition(self._sizes[class_] - self.k, axis=1)
            weights = np.exp(cosines[:, kept].astype(np.float64) / self.temperature)
            with np.errstate(divide="ignore"):  # no votes: log 0 is -inf, as it should be
                total = np.log(np.add.reduceat(weights, firsts, axis=1))
            scores[block] = self.temperature * (total - np.log(np.maximum(divisors, 1)))
        return scores


def _blocks(queries: int, gallery: int) -> Iterator[slice]:
    step = max(1, _CELLS // gallery)
    return (slice(start, start + step) for start in range(0, queries, step))
