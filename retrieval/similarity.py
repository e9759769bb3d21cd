"""Cosine and L2: how two vectors are compared, and how score and distance relate.

``score`` is larger-is-nearer, ``distance`` is smaller-is-nearer:

=======  ===================  =====================
metric   score                distance
=======  ===================  =====================
cosine   cosine in [-1, 1]    1 - cosine
l2       1 / (1 + distance)   Euclidean distance
=======  ===================  =====================
"""

import numpy as np
import numpy.typing as npt

from retrieval.errors import VectorsInvalid
from retrieval.metric import Metric

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_DECIMALS = 12


def require_vectors(vectors: npt.ArrayLike, dim: int) -> Float32:
    """Return ``vectors`` as a C-contiguous (n, dim) float32 array.

    Raises:
        VectorsInvalid: the shape is not (n, dim), or a value is NaN or infinite.
    """
    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != dim:
        raise VectorsInvalid(f"expected vectors of shape (n, {dim}), got {array.shape}")
    if not np.isfinite(array).all():
        raise VectorsInvalid("vectors hold NaN or infinite values")
    return array


def normalise(vectors: Float32) -> Float32:
    """Scale each row of (n, dim) float32 to unit length; a zero row stays zero."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def distance_from_score(score: Float64, metric: Metric) -> Float64:
    """Turn (n,) scores into (n,) distances."""
    return 1 - score if metric is Metric.COSINE else 1 / score - 1


def score_from_distance(distance: Float64, metric: Metric) -> Float64:
    """Turn (n,) distances into (n,) scores."""
    return 1 - distance if metric is Metric.COSINE else 1 / (1 + distance)


def scores(query: Float32, gallery: Float32, metric: Metric) -> Float64:
    """Score one (dim,) query against an (n, dim) gallery, in float64, to twelve decimals.

    Beyond those lies only rounding, which must neither break ties nor keep equal vectors from scoring 1. A zero
    vector has cosine 0 with everything: it has no direction to share.
    """
    query64, gallery64 = query.astype(np.float64), gallery.astype(np.float64)
    if metric is Metric.L2:
        return score_from_distance(np.linalg.norm(gallery64 - query64, axis=1).round(_DECIMALS), metric)
    lengths = np.linalg.norm(gallery64, axis=1) * np.linalg.norm(query64)
    cosine = (gallery64 @ query64) / np.where(lengths > 0, lengths, 1)
    return np.clip(cosine.round(_DECIMALS), -1, 1)
