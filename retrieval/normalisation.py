"""How far a score stands out from what else is near the query: a score that means the same for every query.

A picture of what the gallery is full of, a plain shirt or a dark photo, scores high with many others; one of a kind
scores low even with its own copy. One threshold for both needs to know the difference.
"""

import numpy as np

from retrieval.similarity import Float32, Float64

BACKGROUND = 3  # neighbours that tell what is usual
SAME = 0.8  # cosine from which two neighbours may be one picture, and say nothing of what is usual
DEPTH = 30  # neighbours of a query that must be known, so that enough are left


def normalised_scores(scores: Float64, neighbours: Float32) -> Float64:
    """Normalise (m,) cosines of a query with its nearest (m, dim) neighbours: 1 is the same, 0 is nothing unusual.

    Each is 1 - (1 - score) / (1 - usual), where ``usual`` is the mean score of the `BACKGROUND` nearest of the other
    neighbours, those left out that are as near to this one as `SAME`: of a picture that the gallery holds three times,
    every copy stands out. With no others, ``usual`` is 0 and the score stays what it is. Ranks change only between
    neighbours whose others differ.

    It is the ratio of distances of Lowe (IJCV 2004), in the place of the difference by which SSCD normalises scores
    (Pizzi et al., CVPR 2022); the background set is what the gallery itself holds near the query.
    """
    order = np.argsort(-scores, kind="stable")
    lengths = np.linalg.norm(neighbours, axis=1, keepdims=True)
    unit = neighbours[order] / np.where(lengths > 0, lengths, 1)[order]
    other = unit @ unit.T < SAME
    np.fill_diagonal(other, val=False)
    counted = other & (other.cumsum(axis=1) <= BACKGROUND)
    usual = counted @ scores[order] / np.maximum(counted.sum(axis=1), 1)
    normalised = np.empty_like(scores)
    normalised[order] = 1 - (1 - scores[order]) / np.maximum(1 - usual, np.finfo(np.float64).eps)
    return np.clip(normalised, -1, 1)
