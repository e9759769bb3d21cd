"""From one encoder's vectors to its figures, with their intervals."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from indexer.dataset import attribute
from indexer.evaluation_set import DecodedSet, Episodes
from retrieval.encoder import Space
from retrieval.evaluation.bootstrap import Interval, mean_interval
from retrieval.evaluation.episodes import few_shot_accuracy
from retrieval.evaluation.micro_ap import copy_metrics, normalised_copy_metrics
from retrieval.evaluation.pairs import LabelledPairs, pair_scores, pairs_from_labels
from retrieval.evaluation.ranking_metrics import macro_mean, ranking_metrics
from retrieval.evaluation.task import RetrievalTask
from retrieval.evaluation.verification import (
    RocCurve,
    ScoreHistogram,
    roc_curve,
    score_histogram,
    verification_metrics,
)
from retrieval.evaluation.verification_intervals import verification_intervals
from retrieval.metric import Metric
from retrieval.similarity import Float32, Float64

# With fewer classes than this, drawing whole classes again says little; queries are drawn then.
_CLASSES_TO_DRAW = 20


@dataclass
class Measured:
    """The figures of one encoder in one space; what was not asked for is None."""

    encoder: str
    kind: str
    space: str
    recall: dict[str, float] | None = None
    map_at_r: float | None = None
    r_precision: float | None = None
    macro: dict[str, Any] | None = None
    queries: int = 0
    skipped_queries: int = 0
    verification: dict[str, Any] | None = None
    copy: dict[str, Any] | None = None
    episodes: dict[str, Any] | None = None
    confidence: dict[str, Any] = field(default_factory=dict)
    curve: RocCurve | None = None
    histogram: ScoreHistogram | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, without what the plots are drawn from."""
        drawn_from = {"curve", "histogram"}
        return {name: value for name, value in vars(self).items() if name not in drawn_from}


def measure(
    encoder: str,
    kind: str,
    space: Space,
    vectors: Float32,
    paired: Float32,
    decoded: DecodedSet,
    episodes: Episodes | None,
    seed: int,
) -> Measured:
    """Measure (n, d) vectors of the pictures, and of those in listed pairs; intervals are at 95 %.

    Listed pairs are verified if there are any, otherwise pairs of all the pictures.

    Raises:
        LabelsInvalid: what can be used is too little for the episodes.
    """
    measured = Measured(encoder, kind, space.name)
    if len(vectors):
        _rank(measured, space, vectors, decoded, seed)
        if episodes is not None:
            _name(measured, space, vectors, decoded, episodes, seed)
    if len(paired):
        _verify(measured, space, paired, decoded.pairs, seed)
    else:
        _verify(measured, space, vectors, pairs_from_labels(decoded.pictures.labels, seed=seed), seed)
    return measured


def retrieval_task(space: Space, vectors: Float32, decoded: DecodedSet) -> RetrievalTask:
    """Search each of the pictures among all others, or the queries in their gallery."""
    asked, labels = decoded.is_query, np.array(decoded.pictures.labels, np.object_)
    if asked.all():
        return RetrievalTask.within(vectors, labels, space.metric)
    return RetrievalTask.between(vectors[asked], labels[asked], vectors[~asked], labels[~asked], space.metric)


def _rank(measured: Measured, space: Space, vectors: Float32, decoded: DecodedSet, seed: int) -> None:
    task = retrieval_task(space, vectors, decoded)
    measured.copy = None if task.leave_one_out else _copies(task)
    metrics = ranking_metrics(task)
    labels = [label for label, asked in zip(decoded.pictures.labels, decoded.is_query, strict=True) if asked]
    classes = [labels[row] for row in metrics.queries]
    clusters = classes if len(set(classes)) >= _CLASSES_TO_DRAW else None
    measured.queries, measured.skipped_queries = len(metrics.queries), metrics.skipped

    def interval(values: Float64) -> list[float]:
        return _bounds(mean_interval(values, clusters, seed=seed))

    recall = {str(k): values for k, values in metrics.recall.items()}
    measured.recall = {k: float(values.mean()) for k, values in recall.items()}
    measured.map_at_r, measured.r_precision = (
        float(metrics.map_at_r.mean()),
        float(metrics.r_precision.mean()),
    )
    measured.macro = {
        "recall": {k: macro_mean(values, classes) for k, values in recall.items()},
        "map_at_r": macro_mean(metrics.map_at_r, classes),
        "r_precision": macro_mean(metrics.r_precision, classes),
    }
    measured.confidence |= {
        "drawn": "queries" if clusters is None else "classes",
        "recall": {k: interval(values) for k, values in recall.items()},
        "map_at_r": interval(metrics.map_at_r),
        "r_precision": interval(metrics.r_precision),
    }


def _copies(task: RetrievalTask) -> dict[str, Any]:
    """µAP and what goes with it, by scores and, where they are cosines, by normalised ones."""
    found = asdict(copy_metrics(task))
    if task.metric is Metric.COSINE:
        standing = normalised_copy_metrics(task)
        found |= {
            "normalised_uap": standing.uap,
            "normalised_recall_at_90_precision": standing.recall_at_90_precision,
        }
    return found


def _name(
    measured: Measured, space: Space, vectors: Float32, decoded: DecodedSet, episodes: Episodes, seed: int
) -> None:
    """Name queries by a few examples of a few classes."""
    rows = np.flatnonzero(decoded.is_query)
    examples = [decoded.pictures.examples[row] for row in rows]
    key = episodes.within
    found = few_shot_accuracy(
        vectors[rows],
        [example.label for example in examples],
        ways=episodes.ways,
        shots=episodes.shots,
        within=None if key is None else attribute(examples, key),
        metric=space.metric,
        seed=seed,
    )
    measured.episodes = asdict(episodes) | {"accuracy": found.mean, "episodes": len(found.accuracies)}
    measured.confidence["episodes"] = {"accuracy": _bounds(found.interval)}


def _verify(measured: Measured, space: Space, vectors: Float32, pairs: LabelledPairs, seed: int) -> None:
    """Tell pairs of one class from pairs of two."""
    scores = pair_scores(vectors, pairs.first, pairs.second, space.metric)
    measured.curve = roc_curve(scores, pairs.same)
    measured.histogram = score_histogram(scores, pairs.same)
    found = verification_metrics(measured.curve)
    measured.verification = asdict(found) | {
        "tar_at_far": _by_rate(found.tar_at_far),
        "frr_at_far": _by_rate(found.frr_at_far),
        "same_pairs": measured.curve.same_count,
        "different_pairs": measured.curve.different_count,
    }
    intervals = verification_intervals(measured.curve, seed=seed)
    measured.confidence["verification"] = {
        name: _bounds(value)
        if isinstance(value, Interval)
        else _by_rate({far: _bounds(interval) for far, interval in value.items()})
        for name, value in intervals.items()
    }


def _by_rate(values: Mapping[float, Any]) -> dict[str, Any]:
    """Key by the rate as it is written: 0.001, not 1e-3."""
    return {f"{rate:g}": value for rate, value in values.items()}


def _bounds(interval: Interval) -> list[float]:
    return [interval.low, interval.high]
