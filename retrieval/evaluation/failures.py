"""The queries that go wrong by most: nearest wrong candidate far nearer than the nearest right one."""

from dataclasses import dataclass

import numpy as np

from retrieval.evaluation.task import RetrievalTask


@dataclass(frozen=True)
class Failure:
    """Row numbers of a query, and of the gallery's nearest of another class and of its own, with their scores."""

    query: int
    wrong: int
    wrong_score: float
    right: int
    right_score: float


def worst_failures(task: RetrievalTask, count: int) -> list[Failure]:
    """Return at most ``count`` queries whose nearest candidate is of another class, the widest gap first.

    Ties go to the lower row. Queries without a candidate of their class cannot fail.
    """
    wrong, right = (np.zeros(len(task.queries), np.int64) for _ in range(2))
    wrong_score, right_score = (np.full(len(task.queries), -np.inf) for _ in range(2))
    for rows, scores in task.score_blocks():
        same = task.query_classes[rows, None] == task.gallery_classes
        for found, best, kept in ((wrong, wrong_score, ~same), (right, right_score, same)):
            values = np.where(kept, scores, -np.inf)
            found[rows] = values.argmax(axis=1)
            best[rows] = values.max(axis=1)
    failed = np.flatnonzero((wrong_score > right_score) & np.isfinite(right_score))
    order = failed[np.argsort(right_score[failed] - wrong_score[failed], kind="stable")][:count]
    return [
        Failure(int(q), int(wrong[q]), float(wrong_score[q]), int(right[q]), float(right_score[q]))
        for q in order
    ]
