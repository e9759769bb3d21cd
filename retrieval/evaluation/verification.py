"""Same or different, told by a threshold on the score: ROC, AUC, EER, TAR and FRR at given FAR, histograms.

An acceptance is a score at or above the threshold. FAR is the share of different pairs that are accepted, TAR that
of same pairs; FRR = 1 - TAR (ISO/IEC 19795-1 calls the rates over comparisons FMR and FNMR).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.errors import LabelsInvalid
from retrieval.similarity import Float64, Int64

TAR_AT = (1e-1, 1e-2, 1e-3, 1e-4)
FRR_AT = (1e-2, 1e-3)
_BINS = 60


@dataclass(frozen=True)
class RocCurve:
    """Rates at falling thresholds, (t,) each: from nothing accepted, at infinity, to everything."""

    thresholds: Float64
    false_accept_rate: Float64
    true_accept_rate: Float64
    same_count: int
    different_count: int


@dataclass(frozen=True)
class VerificationMetrics:
    """``tar_at_far`` and ``frr_at_far`` hold None where there are too few different pairs to measure that FAR."""

    auc: float
    eer: float
    eer_threshold: float
    tar_at_far: dict[float, float | None]
    frr_at_far: dict[float, float | None]


@dataclass(frozen=True)
class ScoreHistogram:
    """Counts (b,) of same and of different pairs between (b + 1,) edges of the score."""

    edges: Float64
    same: Int64
    different: Int64


def roc_curve(scores: Float64, same: npt.NDArray[np.bool_]) -> RocCurve:
    """Follow the threshold down over (m,) scores; equal scores are accepted together.

    Raises:
        LabelsInvalid: pairs of one kind only, a score that is not a number, or not one kind a score.
    """
    scores, same = np.asarray(scores, np.float64), np.asarray(same, np.bool_)
    if scores.shape != same.shape or scores.ndim != 1 or np.isnan(scores).any():
        raise LabelsInvalid("verification needs one score, a number, for each pair")
    same_count = int(same.sum())
    different_count = len(same) - same_count
    if not same_count or not different_count:
        raise LabelsInvalid(
            f"verification needs pairs of both kinds, got {same_count} same and {different_count} different"
        )
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    accepted = same[order].cumsum()[last]
    return RocCurve(
        np.concatenate([[np.inf], falling[last]]),
        np.concatenate([[0], last + 1 - accepted]) / different_count,
        np.concatenate([[0], accepted]) / same_count,
        same_count,
        different_count,
    )


def area_under_curve(curve: RocCurve) -> float:
    """Return the chance that a same pair scores above a different one, ties counting one half."""
    return float(np.trapezoid(curve.true_accept_rate, curve.false_accept_rate))


def equal_error_rate(curve: RocCurve) -> tuple[float, float]:
    """Return the rate at which FAR = FRR, interpolated along the curve, and the threshold nearest to it."""
    excess = curve.false_accept_rate + curve.true_accept_rate - 1  # FAR - FRR, rising from -1 to 1
    above = int(np.argmax(excess >= 0))
    low, high = excess[above - 1], excess[above]
    part = -low / (high - low)
    rates = curve.false_accept_rate
    rate = rates[above - 1] + part * (rates[above] - rates[above - 1])
    nearest = above if above == 1 or high <= -low else above - 1
    return float(rate), float(curve.thresholds[nearest])


def tar_at_far(curve: RocCurve, far: float) -> float | None:
    """Return the largest TAR at a threshold whose FAR is at most ``far``; None with fewer than 1 / ``far`` pairs."""
    if curve.different_count * far < 1 - 1e-9:
        return None
    allowed = curve.false_accept_rate <= far * (1 + 1e-9)
    return float(curve.true_accept_rate[allowed][-1])


def verification_metrics(
    curve: RocCurve, tar_at: Sequence[float] = TAR_AT, frr_at: Sequence[float] = FRR_AT
) -> VerificationMetrics:
    """Reduce a curve to the figures that papers give."""
    eer, threshold = equal_error_rate(curve)
    missed = {far: None if (tar := tar_at_far(curve, far)) is None else 1 - tar for far in frr_at}
    return VerificationMetrics(
        area_under_curve(curve), eer, threshold, {far: tar_at_far(curve, far) for far in tar_at}, missed
    )


def score_histogram(scores: Float64, same: npt.NDArray[np.bool_], bins: int = _BINS) -> ScoreHistogram:
    """Count (m,) scores of both kinds in equal bins over their common range."""
    edges = np.histogram_bin_edges(scores, bins)
    return ScoreHistogram(edges, np.histogram(scores[same], edges)[0], np.histogram(scores[~same], edges)[0])
