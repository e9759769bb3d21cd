"""A threshold for a stated rate of false positives, from the scores of pairs that are known to be different.

The threshold is set so that the *upper bound* of the rate, and not only the rate seen, is at most what was stated: a
distribution-free tolerance limit (Wilks, Annals of Mathematical Statistics 12, 1941). It holds for pairs drawn as the
negatives were.

Pairs that share a picture are not independent: one picture that resembles everything makes many false positives at
once. The variance of the rate is therefore that of dyadic data (Aronow, Samii and Assenova, Political Analysis 23,
2015), and the exact bounds are those of as many independent pairs as have it (Kish's design effect; Korn and Graubard,
Survey Methodology 24, 1998). With pairs from fewer than some fifty pictures that estimate is itself uncertain.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from retrieval.binomial import lower_bound, most_events, upper_bound
from retrieval.errors import CalibrationRefused
from retrieval.similarity import Float64, Int64

CONFIDENCE = 0.95
SCORE_EDGES = np.linspace(-1, 1, 2001)
SCORE_CENTRES = (SCORE_EDGES[1:] + SCORE_EDGES[:-1]) / 2
# How far down the scores one looks to see how false positives heap on pictures: fewer show nothing of it.
_LEAST_SEEN = 50


class Negatives:
    """Scores of different pairs: those from ``floor`` up are kept with their pictures, at most ``keep``; all counted.

    ``scores`` (k,) are the kept ones, best first, and ``pictures`` (k, 2) the numbers, from 0 to ``picture_count``, of
    the pictures that they compare; ``pairs_of`` (picture_count,) counts the pairs of each picture; ``histogram``
    counts all scores between `SCORE_EDGES`.
    """

    def __init__(self, picture_count: int, *, keep: int | None = None, floor: float = -math.inf) -> None:
        self.scores: Float64 = np.empty(0)
        self.pictures: Int64 = np.empty((0, 2), np.int64)
        self.pairs_of = np.zeros(picture_count, np.int64)
        self.histogram = np.zeros(len(SCORE_CENTRES), np.int64)
        self.count = 0
        self._keep, self._floor = keep, floor

    @classmethod
    def independent(cls, scores: Float64) -> Self:
        """Take (n,) scores of pairs that share no picture."""
        negatives = cls(2 * len(scores))
        negatives.add(scores, *np.arange(2 * len(scores)).reshape(2, -1))
        return negatives

    def add(self, scores: Float64, first: Int64, second: Int64) -> None:
        """Add (m,) scores of the pictures ``first`` (m,) with ``second`` (m,)."""
        self.count += len(scores)
        for side in (first, second):
            self.pairs_of += np.bincount(side, minlength=len(self.pairs_of))
        places = np.clip(
            ((scores + 1) / 2 * len(self.histogram)).astype(np.int64), 0, len(self.histogram) - 1
        )
        self.histogram += np.bincount(places, minlength=len(self.histogram))
        high = np.flatnonzero(scores >= self._floor)
        kept = np.concatenate([self.scores, scores[high]])
        pictures = np.concatenate([self.pictures, np.stack([first[high], second[high]], axis=1)])
        best = np.argsort(-kept, kind="stable")[: self._keep]
        self.scores, self.pictures = kept[best], pictures[best]
        if self._keep is not None and len(best) == self._keep:
            self._floor = float(self.scores[-1]) if len(best) else math.inf

    def reaching(self, score: float) -> int:
        """Count the kept scores from ``score`` up."""
        return int((self.scores >= score).sum())

    def design_effect(self, highest: int) -> float:
        """How many times the variance of independent pairs the share of the ``highest`` scores has; at least 1."""
        rate = highest / max(1, self.count)
        if not 0 < rate < 1:
            return 1.0
        reached = np.bincount(self.pictures[:highest].ravel(), minlength=len(self.pairs_of))
        alone = self.count * rate * (1 - rate)
        together = float(((reached - rate * self.pairs_of) ** 2).sum()) - alone
        return max(1.0, round(together / alone, 6))  # rounding must not cost independent pairs one of them


@dataclass(frozen=True)
class Rate:
    """A rate seen, and one-sided exact bounds of the true one, each at ``confidence``; of ``effective`` pairs."""

    events: int
    pairs: int
    effective: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The rate seen."""
        return self.events / self.pairs if self.pairs else 0.0


@dataclass(frozen=True)
class Threshold:
    """The smallest score with a rate of false positives that is shown to be at most ``fpr``, and that rate."""

    score: float
    fpr: float
    confidence: float
    design_effect: float
    rate: Rate


def threshold_for_fpr(negatives: Negatives, fpr: float, confidence: float = CONFIDENCE) -> Threshold:
    """Find the smallest score that at most ``fpr`` of different pairs reach, with ``confidence``.

    Raises:
        CalibrationRefused: too few negatives to show so small a rate; the message names the smallest that they can.
    """
    if not 0 < fpr < 1:
        raise CalibrationRefused(f"a false-positive rate of {fpr:g} is not between 0 and 1")
    nominal = math.ceil(fpr * negatives.count)
    effect = negatives.design_effect(min(max(nominal, _LEAST_SEEN), len(negatives.scores)))
    effective = int(negatives.count / effect)
    shown = most_events(effective, fpr, confidence) if effective else None
    if shown is None:
        raise CalibrationRefused(_too_few(negatives.count, effective, fpr, confidence))
    allowed = int(shown * effect)
    # Beyond the first score that is one too many; scores that tie with it are left out too.
    bound = float(negatives.scores[allowed]) if allowed < len(negatives.scores) else -math.inf
    score = float(np.nextafter(bound, math.inf))
    events = negatives.reaching(score)
    return Threshold(score, fpr, confidence, effect, bounded(events, negatives.count, effect, confidence))


def bounded(events: int, pairs: int, design_effect: float, confidence: float = CONFIDENCE) -> Rate:
    """Bound a rate of ``events`` among ``pairs`` that count for ``pairs / design_effect`` independent ones."""
    effective = int(pairs / design_effect)
    if not effective:
        return Rate(events, pairs, 0, 0.0, 1.0)
    low = lower_bound(math.floor(events / design_effect), effective, confidence)
    high = upper_bound(min(effective, math.ceil(events / design_effect)), effective, confidence)
    return Rate(events, pairs, effective, low, high)


def kept_for(fpr: float, pairs: int) -> int:
    """How many of the highest scores of ``pairs`` negatives `threshold_for_fpr` looks at."""
    return max(math.ceil(fpr * pairs), _LEAST_SEEN) + 1


def negatives_needed(fpr: float, confidence: float = CONFIDENCE) -> int:
    """How many independent negatives it takes to show a rate: about 3 / ``fpr`` (the rule of three)."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-fpr))


def _too_few(count: int, effective: int, fpr: float, confidence: float) -> str:
    needed = negatives_needed(fpr, confidence)
    share = f", which share pictures and count for {effective}," if effective < count else ""
    told = f"{count} different pairs{share} cannot show a false-positive rate of {fpr:g}: it takes {needed}"
    if not effective:
        return told
    return f"{told}; the smallest rate that these can show is {smallest_rate(effective, confidence):.2g}"


def smallest_rate(effective: int, confidence: float = CONFIDENCE) -> float:
    """Return the smallest rate that so many independent negatives can show, rounded up to two digits."""
    rate = 1 - (1 - confidence) ** (1 / effective)
    digit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return float(math.ceil(rate / digit) * digit)
