"""From scored candidates to a ranked list: ties, thresholds, k larger than what there is."""

from collections.abc import Sequence

import numpy as np

from retrieval.similarity import Float64


def rank(scores: Float64, tie_keys: Sequence[str], k: int, threshold: float | None = None) -> list[int]:
    """Return the positions of the best k of (n,) scores, best first, none below ``threshold``.

    Equal scores are ordered by their key, so that the same catalogue gives the same answer on every machine.
    """
    order = sorted(range(len(scores)), key=lambda position: (-scores[position], tie_keys[position]))
    if threshold is not None:
        order = [position for position in order if scores[position] >= threshold]
    return order[: max(k, 0)]


def recall_at_k(found: Sequence[Sequence[int]], truth: Sequence[Sequence[int]]) -> float:
    """Share of the true neighbours that were found, averaged over queries: both are lists of ids."""
    shares = [len(set(f) & set(t)) / len(t) for f, t in zip(found, truth, strict=True) if len(t)]
    return float(np.mean(shares)) if shares else 1.0
