"""What every head does: score the classes of a labelled gallery, for queries and for the gallery's own pictures."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np

from retrieval.errors import LabelsInvalid
from retrieval.similarity import Float32, Float64, Int64, normalise, require_vectors


class Head(Protocol):
    """Scores for classes, larger is nearer; columns are in the order of ``classes``, which is alphabetical.

    ``temperature`` divides the scores before the softmax where the gallery is too small to fit one.
    """

    classes: tuple[str, ...]
    temperature: float

    def fit(self, vectors: Float32, labels: Sequence[str]) -> Self:
        """Take a gallery of (n, dim) vectors and their n labels; return the head itself.

        Raises:
            LabelsInvalid: not one label a vector, or fewer than two classes.
            VectorsInvalid: not a matrix, or NaN or infinite values.
        """

    def predict_scores(self, queries: Float32) -> Float64:
        """Score the classes for (m, dim) queries: (m, classes)."""

    def held_out_scores(self, rows: Int64) -> Float64:
        """Score the classes for the gallery's own (m,) rows, each as if it were not in the gallery.

        -inf where nothing of a class is left to score it by.
        """


def unit_rows(vectors: Float32) -> Float32:
    """Check an (n, dim) array and scale its rows to unit length, so that dot products are cosines.

    Raises:
        VectorsInvalid: not a matrix, or NaN or infinite values.
    """
    array = np.asarray(vectors)
    return normalise(require_vectors(array, array.shape[-1] if array.ndim else 0))


def encode_labels(labels: Sequence[str], count: int) -> tuple[tuple[str, ...], Int64]:
    """Name the classes of ``count`` labels in alphabetical order, and give each label its class's number: (count,).

    Raises:
        LabelsInvalid: not ``count`` labels, or fewer than two classes.
    """
    if len(labels) != count:
        raise LabelsInvalid(f"{count} vectors need as many labels, got {len(labels)}")
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise LabelsInvalid(f"classifying needs two classes at least, got {len(classes)}")
    number = {label: position for position, label in enumerate(classes)}
    return tuple(classes), np.array([number[label] for label in labels], np.int64)
