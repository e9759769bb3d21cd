"""Percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13)."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from retrieval.errors import LabelsInvalid
from retrieval.evaluation.task import class_numbers
from retrieval.similarity import Float64

RESAMPLES = 1000
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """The bounds of a confidence interval."""

    low: float
    high: float


def mean_interval(
    values: Float64,
    clusters: Iterable[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Bound the mean of (n,) values by drawing them again, with replacement.

    ``clusters``, a label a value, are drawn whole: queries of one class err together, and drawing them one by one
    would give too narrow an interval.

    Raises:
        LabelsInvalid: no values, or not one cluster a value.
    """
    if not len(values):
        raise LabelsInvalid("the mean of nothing has no interval")
    (numbers,) = class_numbers(range(len(values)) if clusters is None else clusters)
    if len(numbers) != len(values):
        raise LabelsInvalid(f"{len(values)} values have {len(numbers)} clusters")
    sums, sizes = np.bincount(numbers, weights=values), np.bincount(numbers)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _DRAWS_AT_ONCE // len(sums))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        drawn = generator.integers(0, len(sums), (stop - start, len(sums)))
        means[start:stop] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))
