"""A head with its temperature and its threshold for the unknown, both taken from the labelled gallery itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.classification.calibration import fit_temperature, softmax
from retrieval.classification.head import Head, encode_labels
from retrieval.classification.neighbours import NearestNeighbours
from retrieval.classification.novelty import unknown_threshold
from retrieval.classification.prototypes import Prototypes
from retrieval.similarity import Float32, Float64, Int64

UNKNOWN_QUANTILE = 0.05
# Pictures of the gallery that are held out: more do not move a temperature or a quantile noticeably.
_HELD_OUT = 2048


@dataclass(frozen=True)
class Predictions:
    """What was predicted for n queries.

    ``probabilities``, (n, classes), are in the order of ``classes`` and add up to 1: they hold for a query that
    belongs to one of the classes. ``unknown``, (n,), says which queries are too far from all of them.
    """

    classes: tuple[str, ...]
    probabilities: Float64
    unknown: npt.NDArray[np.bool_]


class Classifier:
    """Probabilities for classes, and whether a query belongs to any of them.

    The temperature makes the probabilities of the gallery's own pictures, each held out, as likely as can be: by
    leave-one-out where the head has it in closed form, by cross-validation otherwise. A query is unknown when its
    best cosine with a class lies below `unknown_threshold`: with a prototype where prototypes are the head, with a
    class's nearest neighbours otherwise, since the scores of the other heads do not say how near a query is.
    """

    def __init__(self, head: Head, unknown_quantile: float = UNKNOWN_QUANTILE) -> None:
        self.head = head
        self.unknown_quantile = unknown_quantile
        self._judge: Head = head if isinstance(head, Prototypes) else NearestNeighbours(balanced=False)

    def fit(self, vectors: Float32, labels: Sequence[str]) -> Self:
        """Take a gallery of (n, dim) vectors and their n labels; fit head, temperature and threshold.

        Raises:
            LabelsInvalid: not one label a vector, or fewer than two classes.
            VectorsInvalid: not a matrix, or NaN or infinite values.
            LibraryMissing: the head needs scikit-learn, which is not installed.
        """
        self.head.fit(vectors, labels)
        if self._judge is not self.head:
            self._judge.fit(vectors, labels)
        _, targets = encode_labels(labels, len(vectors))
        rows = _sample(len(targets))
        held_out = self.head.held_out_scores(rows)
        self.temperature = fit_temperature(held_out, targets[rows]) or self.head.temperature
        nearness = held_out if self._judge is self.head else self._judge.held_out_scores(rows)
        self.threshold = unknown_threshold(nearness, targets[rows], self.unknown_quantile)
        return self

    def predict(self, queries: Float32) -> Predictions:
        """Predict the classes of (m, dim) queries."""
        scores = self.head.predict_scores(queries)
        return self._predictions(
            scores, scores if self._judge is self.head else self._judge.predict_scores(queries)
        )

    def predict_members(self, rows: Int64) -> Predictions:
        """Predict the classes of the gallery's own (m,) rows, none of them with a say in its own class."""
        scores = self.head.held_out_scores(rows)
        return self._predictions(
            scores, scores if self._judge is self.head else self._judge.held_out_scores(rows)
        )

    def _predictions(self, scores: Float64, nearness: Float64) -> Predictions:
        unknown = nearness.max(axis=1) < self.threshold
        return Predictions(self.head.classes, softmax(scores, self.temperature), unknown)


def _sample(count: int) -> Int64:
    rows = np.arange(count)
    if count > _HELD_OUT:
        rows = np.sort(np.random.default_rng(0).choice(rows, _HELD_OUT, replace=False))
    return rows
