"""Which features of two pictures may show the same point."""

import numpy as np

from retrieval.alignment.features import Features
from retrieval.similarity import Int64

RATIO = 0.9  # of the distances to the nearest and the second nearest; Lowe's 0.8 loses repeated ornaments


def match(a: Features, b: Features) -> tuple[Int64, Int64]:
    """Pair features that are each other's nearest, and clearly nearer than the second (Lowe, IJCV 2004).

    Returns (m,) rows of ``a`` and the (m,) rows of ``b`` that belong to them.
    """
    if len(a.points) < 2 or len(b.points) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cosines = a.descriptors @ b.descriptors.T
    rows = np.arange(len(a.points))
    partners = cosines.argmax(axis=1)
    second, nearest = np.partition(cosines, -2, axis=1)[:, -2:].T
    # Unit vectors: the squared distance is 2 - 2 cosine.
    clear = (1 - nearest) < RATIO**2 * (1 - second)
    mutual = cosines.argmax(axis=0)[partners] == rows
    chosen = rows[clear & mutual]
    return chosen, partners[chosen]
