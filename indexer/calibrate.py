"""`index calibrate`: a threshold with a stated rate of false positives, and what a score's probability is.

Threshold and probabilities are learned from one half of the pictures; what they are worth is reported on the other.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from indexer.calibrations import write_calibration
from indexer.dataset import Unusable
from indexer.decoding.sandbox import Sandbox
from indexer.encoders import COPY_SPACE
from indexer.encoding import Progress, no_progress
from indexer.errors import UsageRefused
from indexer.known_pairs import FIT, HELD_OUT, KnownPairs, decided_pairs, listed_pairs
from indexer.lookup import Gallery
from retrieval.calibration import ProbabilityMap, Reliability, reliability_bins
from retrieval.encoder import Space
from retrieval.errors import CalibrationRefused
from retrieval.similarity import Float64
from retrieval.thresholds import (
    SCORE_CENTRES,
    SCORE_EDGES,
    Negatives,
    Rate,
    Threshold,
    bounded,
    kept_for,
    threshold_for_fpr,
)

DEFAULT_FPR = 1e-4
PAIRS, DECISIONS, SYNTHETIC = "pairs", "decisions", "synthetic"
_HINTS = {
    PAIRS: "list more pairs, or raise --fpr",
    DECISIONS: "decide more pairs, raise --fpr, or calibrate with --synthetic",
    SYNTHETIC: "raise --fpr, or calibrate on a larger catalogue",
}
_DRAWN_BINS = 100


@dataclass(frozen=True)
class CalibrationReport:
    """What was measured and is now in force; ``document`` is as docs/guide.md describes it."""

    store: str
    encoder: str
    space: str
    source: str
    document: dict[str, Any]
    unusable: list[Unusable] = field(default_factory=list)

    @property
    def threshold(self) -> float:
        """The score that at most the stated share of different pairs reach."""
        return float(self.document["threshold"])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        head = {"store": self.store, "encoder": self.encoder, "space": self.space, "source": self.source}
        return head | self.document | {"unusable": [one.to_dict() for one in self.unusable]}


def calibrate(
    gallery: Gallery,
    sandbox: Sandbox,
    source: Path | str,
    *,
    fpr: float = DEFAULT_FPR,
    space: str | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> CalibrationReport:
    """Calibrate one space by the pairs of a CSV file, by ``"decisions"`` or by ``"synthetic"`` copies; put it in force.

    The space is ``copy`` where the encoder has it.

    Raises:
        UsageRefused: no such space, no usable list, or too few known pairs for so small a rate; the message says
            which rate they can show.
        StoreDamaged, WrongEncoder: the index cannot be trusted to answer.
    """
    names = {known.name for known in gallery.generation.spec.spaces}
    chosen = gallery.generation.space(space or (COPY_SPACE if COPY_SPACE in names else None))
    kind = source if source in {DECISIONS, SYNTHETIC} and isinstance(source, str) else PAIRS
    known = _known_pairs(gallery, sandbox, source, chosen, seed, progress)
    generation = gallery.generation
    try:
        document = measure_calibration(known, fpr) | known.facts | {"seed": seed}
    except CalibrationRefused as error:
        raise UsageRefused(str(error), _HINTS[kind]) from error
    write_calibration(gallery.store, generation.fingerprint, chosen.name, kind, document)
    shown = gallery.store.shown_path(str(gallery.store.path))
    return CalibrationReport(shown, generation.spec.name, chosen.name, kind, document, known.unusable)


def measure_calibration(known: KnownPairs, fpr: float) -> dict[str, Any]:
    """Learn from one half of the pairs and judge it on the other: all of it as plain values.

    Raises:
        CalibrationRefused: too few pairs of a kind in a half.
    """
    different = known.different(FIT, keep=kept_for(fpr, known.different_count(FIT)))
    same = _all_scores(known.same[FIT])
    if not len(same):
        raise CalibrationRefused("there are no same pairs to learn from")
    threshold = threshold_for_fpr(different, fpr)
    probability = ProbabilityMap.fit(same, SCORE_CENTRES, different.histogram)
    return {
        "threshold": threshold.score,
        "fpr": fpr,
        "confidence": threshold.confidence,
        **_rate(threshold.rate),
        "positives": len(same),
        "knots": probability.to_list(),
        "scores": _drawn(same, different),
        "held_out": _judged(known, threshold, probability),
    }


def _judged(known: KnownPairs, threshold: Threshold, probability: ProbabilityMap) -> dict[str, Any]:
    """What threshold and probabilities are worth on the half that they were not learned from."""
    different = known.different(HELD_OUT, floor=threshold.score)
    by_edit = known.same[HELD_OUT]
    same = _all_scores(by_edit)
    if not len(same) or not different.count:
        raise CalibrationRefused("too few pairs to judge the calibration by: a half has none of one kind")
    events = different.reaching(threshold.score)
    rate = bounded(events, different.count, threshold.design_effect, threshold.confidence)
    trust = _reliability(probability, same, different)
    return {
        "fpr": rate.value,
        **_rate(rate),
        "positives": len(same),
        "recall": float((same >= threshold.score).mean()),
        "recall_by_edit": {
            kind: {"recall": float((scores >= threshold.score).mean()), "pairs": len(scores)}
            for kind, scores in by_edit.items()
        },
        "ece": trust.ece,
        "brier": trust.brier,
        "reliability": [
            {"said": float(said), "seen": float(seen), "weight": float(weight)}
            for said, seen, weight in zip(trust.said, trust.seen, trust.weight, strict=True)
        ],
    }


def _known_pairs(
    gallery: Gallery, sandbox: Sandbox, source: Path | str, space: Space, seed: int, progress: Progress
) -> KnownPairs:
    if source == SYNTHETIC:
        from indexer.synthetic import edited_copies

        return edited_copies(gallery, sandbox, space, seed, progress)
    if source == DECISIONS:
        return decided_pairs(gallery, space, seed)
    return listed_pairs(gallery, sandbox, Path(source), space, seed, progress)


def _reliability(probability: ProbabilityMap, same: Float64, different: Negatives) -> Reliability:
    """Judge probabilities at equal odds: either kind of pair weighs a half."""
    probabilities = probability.probability(np.concatenate([same, SCORE_CENTRES]))
    weights = np.concatenate([np.full(len(same), 1 / len(same)), different.histogram / different.count])
    return reliability_bins(probabilities, np.arange(len(probabilities)) < len(same), weights)


def _all_scores(by_edit: dict[str, Float64]) -> Float64:
    return np.concatenate([np.empty(0), *by_edit.values()])


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "false_positives": rate.events,
        "negatives": rate.pairs,
        "effective_negatives": rate.effective,
        "interval": [rate.low, rate.high],
    }


def _drawn(same: Float64, different: Negatives) -> dict[str, list[float]]:
    """Coarse histograms of the scores, for the plot."""
    width = len(SCORE_CENTRES) // _DRAWN_BINS
    counts = np.histogram(same, SCORE_EDGES)[0], different.histogram
    same_counts, different_counts = (part.reshape(-1, width).sum(axis=1).tolist() for part in counts)
    return {"edges": SCORE_EDGES[::width].tolist(), "same": same_counts, "different": different_counts}
