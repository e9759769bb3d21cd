"""Groups that do not chain: every member was compared with the one that is kept, not with a neighbour's neighbour."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.join import Pairs
from retrieval.similarity import Float32


@dataclass(frozen=True)
class Group:
    """Row numbers: the one to keep, its copies by falling score, their scores to it, and the lowest score inside."""

    keep: int
    members: list[int]
    scores_to_keep: list[float]
    min_score: float


def anchor_groups(pairs: Pairs, vectors: Float32, preference: Sequence[int]) -> list[Group]:
    """Group rows around the ones to keep.

    Rows are taken in the order of ``preference`` (best first); each one that is not in a group yet keeps, and takes
    all its partners that are not in a group yet. So A-B and B-C without A-C never puts A and C together.
    """
    partners: dict[int, dict[int, float]] = defaultdict(dict)
    for first, second, score in zip(
        pairs.first.tolist(), pairs.second.tolist(), pairs.scores.tolist(), strict=True
    ):
        partners[first][second] = partners[second][first] = score
    taken: set[int] = set()
    groups = []
    for keep in preference:
        if keep in taken or keep not in partners:
            continue
        free = {row: score for row, score in partners[keep].items() if row not in taken}
        if not free:
            continue
        members = sorted(free, key=lambda row: (-free[row], row))
        taken.update(members, [keep])
        lowest = lowest_score(vectors[[keep, *members]])
        groups.append(Group(keep, members, [free[row] for row in members], lowest))
    return groups


def lowest_score(vectors: Float32) -> float:
    """Return the lowest cosine among (n, dim) unit vectors, n >= 2, in float64."""
    wide = vectors.astype(np.float64)
    return float(np.clip((wide @ wide.T).min(), -1, 1))
