"""Percentile bootstrap intervals of verification figures, over the pairs."""

import numpy as np

from retrieval.evaluation.bootstrap import RESAMPLES, Interval
from retrieval.evaluation.verification import RocCurve, verification_metrics
from retrieval.similarity import Float64, Int64

_STEPS = 1000


def verification_intervals(
    curve: RocCurve, *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval | dict[float, Interval]]:
    """Bound ``auc``, ``eer`` and ``tar_at_far`` at 95 % by drawing same and different pairs again.

    Pairs are drawn one by one; where many share a picture, they err together and the true interval is wider. The
    curve is followed at no more than 2,000 of its thresholds, which are densest where little is accepted.
    """
    steps = _steps(len(curve.thresholds))
    generator = np.random.default_rng(seed)
    tars = _redrawn(curve.true_accept_rate[steps], curve.same_count, resamples, generator)
    fars = _redrawn(curve.false_accept_rate[steps], curve.different_count, resamples, generator)
    thresholds = curve.thresholds[steps]
    drawn = [
        verification_metrics(RocCurve(thresholds, far, tar, curve.same_count, curve.different_count))
        for far, tar in zip(fars, tars, strict=True)
    ]
    measurable = [far for far, tar in drawn[0].tar_at_far.items() if tar is not None]
    return {
        "auc": _interval([one.auc for one in drawn]),
        "eer": _interval([one.eer for one in drawn]),
        "tar_at_far": {far: _interval([one.tar_at_far[far] or 0.0 for one in drawn]) for far in measurable},
    }


def _steps(count: int) -> Int64:
    """Choose points of a curve of ``count``: evenly, and geometrically from its beginning; both ends are kept."""
    even = np.linspace(0, count - 1, min(count, _STEPS))
    dense = np.geomspace(1, count - 1, min(count, _STEPS))
    return np.unique(np.concatenate([even, dense]).round().astype(np.int64))


def _redrawn(rates: Float64, count: int, resamples: int, generator: np.random.Generator) -> Float64:
    """Draw ``count`` pairs again between the (t,) points of a rising rate: (resamples, t) rates."""
    drawn = generator.multinomial(count, np.diff(rates), size=resamples).cumsum(axis=1) / count
    return np.concatenate([np.zeros((resamples, 1)), drawn], axis=1)


def _interval(values: list[float]) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high))
