"""Pairs of a gallery that stand out: near each other beside what else is near either, whatever their score."""

import numpy as np

from retrieval.join import Pairs
from retrieval.normalisation import DEPTH, normalised_scores
from retrieval.search import NeighbourIndex
from retrieval.similarity import Float32, Int64

_AT_ONCE = 1024  # queries


def standing_pairs(vectors: Float32, ids: Int64, rows: Int64, index: NeighbourIndex, least: float) -> Pairs:
    """Find the pairs with one of ``rows`` whose normalised score, seen from there, is at least ``least``.

    ``vectors`` are (n, dim) of unit length, ``ids`` (n,), ascending, what ``index`` knows them by, and ``rows`` (m,)
    those to look from. Each is searched for as a query, and `normalised_scores` of its nearest `DEPTH` others decide;
    the index only proposes. Scores of the pairs are cosines, in float64.
    """
    found: dict[tuple[int, int], float] = {}
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        for row, proposed in zip(part.tolist(), index.search(vectors[part], DEPTH + 1), strict=True):
            others = np.searchsorted(ids, proposed.ids)
            others = others[others != row]
            scores = vectors[others].astype(np.float64) @ vectors[row].astype(np.float64)
            near = normalised_scores(scores, vectors[others]) >= least
            for other, score in zip(others[near].tolist(), scores[near].tolist(), strict=True):
                found[min(row, other), max(row, other)] = score
    pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
    return Pairs(pairs[:, 0], pairs[:, 1], np.clip([found[a, b] for a, b in pairs.tolist()], -1.0, 1.0))
