"""How alike the pictures of a group are."""

import numpy as np

from retrieval.similarity import Float32


def lowest_score(vectors: Float32) -> float:
    """Return the lowest cosine among (n, dim) unit vectors, n >= 2, in float64."""
    wide = vectors.astype(np.float64)
    return float(np.clip((wide @ wide.T).min(), -1, 1))
