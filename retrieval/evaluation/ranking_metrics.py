"""Recall@k, R-precision and MAP@R (Musgrave et al., "A Metric Learning Reality Check", ECCV 2020)."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.evaluation.task import RetrievalTask, class_numbers, nearest
from retrieval.similarity import Float64, Int64

RECALL_AT = (1, 5, 10)


@dataclass(frozen=True)
class RankingMetrics:
    """One value, 0 to 1, for each query that has something to find; ``queries`` (m,) are their rows.

    ``recall[k]`` is 1 where one of the nearest k is of the query's class. ``skipped`` counts the queries whose class
    the gallery does not have.
    """

    queries: Int64
    recall: dict[int, Float64]
    r_precision: Float64
    map_at_r: Float64
    skipped: int


def ranking_metrics(task: RetrievalTask, ks: Sequence[int] = RECALL_AT) -> RankingMetrics:
    """Rank the gallery for each query; equal scores are ranked by row number.

    R is the number of candidates of the query's class. R-precision is the share of that class among the nearest R;
    MAP@R averages the precision at each of these ranks that is right.
    """
    relevant = task.relevant_counts()
    recall = {k: np.zeros(len(relevant)) for k in ks}
    r_precision, map_at_r = np.zeros(len(relevant)), np.zeros(len(relevant))
    for rows, scores in task.score_blocks():
        wanted = relevant[rows, None]
        depth = min(max(*ks, int(wanted.max())), task.candidates)
        order = nearest(scores, depth)[:, :depth]
        hits = task.gallery_classes[order] == task.query_classes[rows, None]
        for k in ks:
            recall[k][rows] = hits[:, :k].any(axis=1)
        ranks = np.arange(1, depth + 1)
        within = hits & (ranks <= wanted)
        share = np.maximum(wanted[:, 0], 1)
        r_precision[rows] = within.sum(axis=1) / share
        map_at_r[rows] = (within.cumsum(axis=1) / ranks * within).sum(axis=1) / share
    measured = np.flatnonzero(relevant)
    return RankingMetrics(
        measured,
        {k: values[measured] for k, values in recall.items()},
        r_precision[measured],
        map_at_r[measured],
        len(relevant) - len(measured),
    )


def macro_mean(values: Float64, labels: Iterable[Hashable]) -> float:
    """Average (m,) values within each class, then over classes; NaN of nothing."""
    (classes,) = class_numbers(labels)
    if not len(classes):
        return float("nan")
    return float((np.bincount(classes, weights=values) / np.bincount(classes)).mean())
