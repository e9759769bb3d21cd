"""Open-set verification against a label's genuine pictures: how near is near enough to be one of them.

A picture's score is its cosine with the nearest genuine one, or by how much that is above its cosine with the nearest
one of any other label. What genuine pictures score is seen by leaving each out of its own label (`leave_one_out`,
`nearest`). The share of them that score no more than a picture does is its p-value: small where hardly a genuine
picture is as far. It is conformal (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random
World, 2005; for outliers Bates et al., Annals of Statistics 51, 2023), and no probability of forgery.

Few pictures say little about their own tail. What a label scores is therefore the mean of the posterior of a Dirichlet
process (Ferguson, Annals of Statistics 1, 1973): its own scores, and as many as `CONCENTRATION` pictures' worth of
all labels' scores, moved towards this label's median the further the better that is known.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from retrieval.similarity import Float32, Float64

CONCENTRATION = 20.0  # pictures of its own at which a label counts for as much as all labels together
_MIDDLE = 5.0  # pictures at which the other labels' scores are moved half of the way to its median
_ROWS_AT_ONCE = 1024


def leave_one_out(vectors: Float32, gallery: int | None = None) -> Float64:
    """Return the cosine of each of (n, dim) unit vectors with the nearest other one: (n,), empty for fewer than two.

    With ``gallery`` it is the nearest of about so many others, dealt at random and the same ones every time: the more
    there are, the nearer is the nearest, and labels are only alike where they are as large.
    """
    n = len(vectors)
    if n < 2:
        return np.empty(0)
    if gallery is not None and n > gallery + 1:
        best = np.empty(n)
        for part in np.array_split(np.random.default_rng(0).permutation(n), n // (gallery + 1)):
            best[part] = leave_one_out(vectors[part])
        return best
    best = np.empty(n)
    for start in range(0, n, _ROWS_AT_ONCE):
        cosines = vectors[start : start + _ROWS_AT_ONCE].astype(np.float64) @ vectors.T.astype(np.float64)
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        best[start : start + len(cosines)] = cosines.max(axis=1)
    return np.clip(best, -1, 1)


def nearest(vectors: Float32, others: Float32) -> Float64:
    """Return the cosine of each of (n, dim) unit vectors with the nearest of (m, dim) others, of which there are some."""
    best = np.empty(len(vectors))
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = vectors[start : start + _ROWS_AT_ONCE].astype(np.float64)
        best[start : start + len(rows)] = (rows @ others.T.astype(np.float64)).max(axis=1)
    return np.clip(best, -1, 1)


@dataclass(frozen=True)
class GenuineScores:
    """What genuine pictures of one label score: ``own`` (n,), and ``pooled`` (m,) of all labels."""

    own: Float64
    pooled: Float64

    @classmethod
    def of(cls, own: Float64, others: Sequence[Float64]) -> Self:
        """Take a label's `leave_one_out` scores, and those of other labels in a gallery as large; any may be empty."""
        known = len(own) / (len(own) + _MIDDLE)
        middle = float(np.median(own)) if len(own) else 0.0
        moved = [scores + known * (middle - float(np.median(scores))) for scores in others if len(scores)]
        return cls(own, np.concatenate([own, *moved]))

    @property
    def weight(self) -> float:
        """How much the label's own scores count, beside all labels' together."""
        return len(self.own) / (len(self.own) + CONCENTRATION)

    def p_value(self, score: float) -> float:
        """Return the share of genuine pictures that score no more than ``score``, in (0, 1]; 1 where none is known.

        One picture is added to the pooled scores, so that the smallest share is not nothing.
        """
        if not len(self.pooled):
            return 1.0
        common = (1 + int((self.pooled <= score).sum())) / (len(self.pooled) + 1)
        own = float((self.own <= score).mean()) if len(self.own) else 0.0
        return self.weight * own + (1 - self.weight) * common

    def threshold(self, fpr: float) -> float | None:
        """Return the score below which a picture's p-value is at most ``fpr``; None where so few cannot show it."""
        values = np.unique(np.concatenate([self.own, self.pooled])).tolist()
        if not values or self.p_value(-np.inf) > fpr:
            return None
        first = bisect_left(values, x=True, key=lambda value: self.p_value(value) > fpr)
        return float(values[first])
