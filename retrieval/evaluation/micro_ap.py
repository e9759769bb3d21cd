"""Micro average precision: one ranking of all (query, gallery) pairs, as one threshold for all queries sees them.

It is the measure of the Image Similarity Challenge (Douze et al., "The 2021 Image Similarity Dataset and Challenge",
arXiv:2106.09672): queries that have no match in the gallery only add pairs that must not rank high.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.errors import LabelsInvalid
from retrieval.evaluation.task import RetrievalTask, nearest
from retrieval.normalisation import DEPTH, normalised_scores
from retrieval.similarity import Float64, Int64

_PRECISION = 0.9


@dataclass(frozen=True)
class CopyMetrics:
    """µAP and the recall at 90 % precision, over ``positives`` pairs; ``unmatched`` queries have none."""

    uap: float
    recall_at_90_precision: float
    positives: int
    unmatched: int


def micro_average_precision(
    scores: Float64, same: npt.NDArray[np.bool_], positives: int | None = None
) -> tuple[float, float]:
    """Return µAP and the recall at 90 % precision of (m,) pairs.

    ``positives`` counts all pairs that should be found, where ``scores`` hold the best of them only. Equal scores
    stand or fall together: no threshold tells them apart.

    Raises:
        LabelsInvalid: nothing should be found.
    """
    rising = np.sort(scores[same])
    above = _reaching(scores[~same], rising)
    return _from_counts(rising, above, len(rising) if positives is None else positives)


def copy_metrics(task: RetrievalTask) -> CopyMetrics:
    """Measure all pairs of a query and a candidate, exactly, in the memory of the matching ones and a block.

    Raises:
        LabelsInvalid: no query has a match.
    """
    parts = [scores[_matches(task, rows)] for rows, scores in task.score_blocks()]
    rising = np.sort(np.concatenate(parts)) if parts else np.empty(0)
    rising = rising[np.isfinite(rising)]  # without a query's score with itself
    above = np.zeros(len(rising), np.int64)
    for rows, scores in task.score_blocks():
        above += _reaching(scores[~_matches(task, rows)], rising)
    uap, recall = _from_counts(rising, above, len(rising))
    return CopyMetrics(uap, recall, len(rising), int((task.relevant_counts() == 0).sum()))


def normalised_copy_metrics(task: RetrievalTask) -> CopyMetrics:
    """Measure as `copy_metrics`, by normalised scores: a query's nearest `DEPTH` candidates, and nothing beyond them.

    Raises:
        LabelsInvalid: no query has a match.
    """
    found, same = [], []
    for rows, scores in task.score_blocks():
        for number, columns in enumerate(nearest(scores, min(DEPTH, task.candidates)), rows.start):
            near = scores[number - rows.start, columns]
            found.append(normalised_scores(near, task.gallery[columns].astype(np.float32)))
            same.append(task.gallery_classes[columns] == task.query_classes[number])
    relevant = task.relevant_counts()
    positives = int(relevant.sum())
    uap, recall = micro_average_precision(np.concatenate(found), np.concatenate(same), positives)
    return CopyMetrics(uap, recall, positives, int((relevant == 0).sum()))


def _matches(task: RetrievalTask, rows: slice) -> npt.NDArray[np.bool_]:
    return np.equal(task.query_classes[rows, None], task.gallery_classes)


def _reaching(wrong: Float64, rising: Float64) -> Int64:
    """Count, for each of (p,) rising scores, the wrong ones that are as high or higher."""
    return len(wrong) - np.searchsorted(np.sort(wrong), rising)


def _from_counts(rising: Float64, wrong_above: Int64, positives: int) -> tuple[float, float]:
    """From rising (p,) scores of matching pairs and the number of wrong ones that score as high or higher."""
    if not positives:
        raise LabelsInvalid("no query has a match: there is nothing to find")
    found = len(rising) - np.searchsorted(rising, rising)
    precision = found / (found + wrong_above)
    recall = found[precision >= _PRECISION].max(initial=0) / positives
    return float(precision.sum() / positives), float(recall)
