"""From a score to the probability that a pair is the same, never falling as the score rises; and how far to trust it.

Isotonic regression by pooling adjacent violators (Zadrozny and Elkan, KDD 2002) gives blocks of scores in each of
which same pairs have one share. What is kept of a block is its *evidence*, the logarithm of how much more often same
pairs score there than different ones: it does not depend on how many pairs of either kind were at hand, and gives the
probability for any prior. It is linear between the blocks' mean scores and constant beyond the first and the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.errors import CalibrationRefused
from retrieval.similarity import Float64

EQUAL_ODDS = 0.5
# A half of a pair of either kind in every block (Krichevsky and Trofimov, 1981): no evidence is infinite.
_UNSEEN = 0.5
_BINS = 10


@dataclass(frozen=True)
class ProbabilityMap:
    """Knots (k,) of rising ``scores`` and never falling ``evidence``, in natural logarithms of odds."""

    scores: Float64
    evidence: Float64

    @classmethod
    def fit(
        cls, same: Float64, different: Float64, different_counts: npt.NDArray[np.int64] | None = None
    ) -> Self:
        """Learn from (p,) scores of same pairs and (n,) of different ones, each seen ``different_counts`` times.

        Raises:
            CalibrationRefused: there is no pair of one of the kinds.
        """
        counts = np.ones(len(different)) if different_counts is None else different_counts.astype(np.float64)
        if not len(same) or not counts.sum():
            raise CalibrationRefused("a probability is learned from both kinds of pairs: one is missing")
        scores, rows = np.unique(np.concatenate([same, different]), return_inverse=True)
        positives = np.bincount(rows[: len(same)], minlength=len(scores)).astype(np.float64)
        negatives = np.bincount(rows[len(same) :], counts, minlength=len(scores))
        met = positives + negatives > 0
        scores, positives, negatives = scores[met], positives[met], negatives[met]
        seen = positives + negatives
        blocks = pool_adjacent_violators(positives / seen, seen)
        same_in, different_in = (np.bincount(blocks, part) for part in (positives, negatives))
        weights = np.asarray(same_in + different_in, np.float64)
        centres = np.bincount(blocks, scores * seen) / weights
        shares = [(part + _UNSEEN) / (part.sum() + 1) for part in (same_in, different_in)]
        evidence = np.log(shares[0] / shares[1])
        # What was added to a small block may have lifted it above the next one.
        levelled = pool_adjacent_violators(evidence, weights)
        level = np.bincount(levelled, evidence * weights) / np.bincount(levelled, weights)
        return cls(centres, np.asarray(level[levelled], np.float64))

    def probability(self, scores: Float64, prior: float = EQUAL_ODDS) -> Float64:
        """Return P(same | score), strictly between 0 and 1, for scores of any shape.

        ``prior`` is the share of same pairs among those that are asked about. At the default a score is judged by
        itself, as if either were as likely beforehand; among all pairs of a catalogue hardly any are the same, and a
        ``prior`` of that share makes the probabilities accordingly smaller.

        Raises:
            CalibrationRefused: the prior is not between 0 and 1.
        """
        if not 0 < prior < 1:
            raise CalibrationRefused(f"a prior of {prior:g} is not between 0 and 1")
        odds = np.interp(scores, self.scores, self.evidence) + np.log(prior / (1 - prior))
        return np.asarray(1 / (1 + np.exp(-odds)))

    def to_list(self) -> list[list[float]]:
        """Return the knots as [score, evidence] pairs."""
        return np.stack([self.scores, self.evidence], axis=1).tolist()  # type: ignore[no-any-return]

    @classmethod
    def from_list(cls, knots: Sequence[Sequence[float]]) -> Self:
        """Take the knots that `to_list` gave.

        Raises:
            CalibrationRefused: they are not knots, or fall somewhere.
        """
        values = np.array(knots, np.float64)
        if values.ndim != 2 or values.shape[1] != 2 or not len(values) or not np.isfinite(values).all():
            raise CalibrationRefused("a probability map is made of finite [score, evidence] pairs")
        if (np.diff(values, axis=0) < 0).any():
            raise CalibrationRefused("a probability map never falls")
        return cls(values[:, 0], values[:, 1])


def pool_adjacent_violators(values: Float64, weights: Float64) -> npt.NDArray[np.int64]:
    """Number the block, from 0, of each of (n,) values: the blocks' weighted means rise, as near as can be to them."""
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        means.append(value)
        masses.append(weight)
        sizes.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            mean, mass, size = means.pop(), masses.pop(), sizes.pop()
            total = masses[-1] + mass
            means[-1] += (mean - means[-1]) * mass / total
            masses[-1] = total
            sizes[-1] += size
    return np.repeat(np.arange(len(sizes)), sizes)


@dataclass(frozen=True)
class Reliability:
    """How well probabilities come true, per bin (b,) of equal width: the mean said, the share seen, the weight.

    Empty bins are left out. ``ece`` is the expected calibration error (Naeini et al., AAAI 2015), ``brier`` the mean
    squared error (Brier, 1950); of both, smaller is better.
    """

    said: Float64
    seen: Float64
    weight: Float64
    ece: float
    brier: float


def reliability_bins(
    probabilities: Float64,
    same: npt.NDArray[np.bool_],
    weights: Float64 | None = None,
    *,
    bins: int = _BINS,
) -> Reliability:
    """Compare (n,) probabilities with what pairs are, each counting as ``weights`` say.

    Raises:
        CalibrationRefused: there is nothing to compare.
    """
    share = np.ones(len(probabilities)) if weights is None else weights
    if not share.sum() > 0:
        raise CalibrationRefused("no pair is left to judge probabilities by")
    share = share / share.sum()
    places = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    weight = np.bincount(places, share, minlength=bins)
    filled = weight > 0
    weight = weight[filled]
    said = np.bincount(places, share * probabilities, minlength=bins)[filled] / weight
    seen = np.bincount(places, share * same, minlength=bins)[filled] / weight
    ece = float((weight * np.abs(said - seen)).sum())
    brier = float((share * (probabilities - same) ** 2).sum())
    return Reliability(said, seen, np.asarray(weight, np.float64), ece, brier)
