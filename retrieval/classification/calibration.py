"""Temperature scaling (Guo et al., ICML 2017): from scores to probabilities that come true as often as they say."""

import numpy as np

from retrieval.similarity import Float64, Int64

_COLDEST, _HOTTEST = 1e-4, 1e3
_HALVINGS = 30


def softmax(scores: Float64, temperature: float) -> Float64:
    """Turn (n, classes) scores into probabilities; a score of -inf is a probability of 0."""
    scaled = scores / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def fit_temperature(scores: Float64, targets: Int64) -> float | None:
    """Find the temperature of the largest log-likelihood for (n, classes) held-out scores and their true classes.

    Rows whose true class or all of whose other classes score -inf say nothing; None where all rows are such. The
    targets are smoothed as by Platt (1999), 1 - 1 / (n + 2) for the true class: a small gallery without a single
    error is no ground for certainty.
    """
    usable = np.isfinite(scores[np.arange(len(scores)), targets]) & (np.isfinite(scores).sum(axis=1) > 1)
    scores, targets = scores[usable], targets[usable]
    if not len(scores):
        return None
    finite = np.isfinite(scores)
    true = scores[np.arange(len(scores)), targets]
    values = np.where(finite, scores, 0)
    others = (values.sum(axis=1) - true) / (finite.sum(axis=1) - 1)
    wanted = true + (others - true) / (len(scores) + 2)
    # The log-likelihood is concave in the inverse temperature; its slope has its root where the expected score is
    # the wanted one.
    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = np.einsum("nc,nc->n", softmax(scores, float(np.exp(middle))), values)
        low, high = (middle, high) if expected.mean() > wanted.mean() else (low, middle)
    return float(np.exp((low + high) / 2))
