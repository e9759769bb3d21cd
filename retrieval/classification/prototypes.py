"""Prototypes: a class is the mean of its pictures."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from retrieval.classification.head import encode_labels, unit_rows
from retrieval.similarity import Float32, Float64, Int64, normalise


class Prototypes:
    """The cosine with each class's prototype, which is the mean of its unit vectors, scaled to unit length.

    Prototypical networks (Snell, Swersky and Zemel, NeurIPS 2017) without their training: one picture a class is
    enough, more make the mean steadier, and a class comes or goes without touching the others.
    """

    temperature = 0.07

    def fit(self, vectors: Float32, labels: Sequence[str]) -> Self:
        """See `Head.fit`. Nothing is learned: the vectors of each class are added up."""
        self._gallery = unit_rows(vectors)
        self.classes, self._targets = encode_labels(labels, len(self._gallery))
        self._sizes = np.bincount(self._targets)
        self._sums = np.zeros((len(self.classes), self._gallery.shape[1]))
        np.add.at(self._sums, self._targets, self._gallery)
        self.prototypes: Float32 = normalise(self._sums.astype(np.float32))
        return self

    def predict_scores(self, queries: Float32) -> Float64:
        """See `Head.predict_scores`."""
        return (unit_rows(queries) @ self.prototypes.T).astype(np.float64)

    def held_out_scores(self, rows: Int64) -> Float64:
        """See `Head.held_out_scores`: exact, a picture is subtracted from its own class's sum."""
        own, vectors = self._targets[rows], self._gallery[rows]
        scores = (vectors @ self.prototypes.T).astype(np.float64)
        without = normalise((self._sums[own] - vectors).astype(np.float32))
        cosines = np.einsum("md,md->m", vectors, without)
        scores[np.arange(len(rows)), own] = np.where(self._sizes[own] > 1, cosines, -np.inf)
        return scores
