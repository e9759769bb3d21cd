"""`index classify`: which of the index's labels a picture belongs to, how probably, or that it belongs to none.

The labels and vectors are read at every call: a label given a moment ago counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from indexer.decoding.sandbox import Sandbox
from indexer.errors import UsageRefused
from indexer.images import QueryImage
from indexer.labelled import Labelled, read_labelled
from indexer.lookup import Gallery
from indexer.query import embed
from retrieval.classification.classifier import Classifier, Predictions
from retrieval.classification.linear import LinearSvm, Logistic
from retrieval.classification.neighbours import NearestNeighbours
from retrieval.classification.prototypes import Prototypes
from retrieval.encoder import Space
from retrieval.errors import LibraryMissing
from retrieval.metric import Metric
from retrieval.similarity import Float32

HEADS = {"knn": NearestNeighbours, "prototype": Prototypes, "svm": LinearSvm, "logistic": Logistic}
DEFAULT_HEAD = "knn"
_LABELS_HINT = "give labels by `index build --labels CSV`, by a folder a class, or by `index label PATH LABEL` picture by picture"


@dataclass(frozen=True)
class Prediction:
    """A label, its probability among the index's labels, and how many labelled contents of it the index holds."""

    label: str
    probability: float
    support: int


@dataclass(frozen=True)
class Classification:
    """One picture's labels, the most probable first; or ``reason`` and ``message`` where it cannot be used.

    ``unknown`` says that no class is near enough: the predictions are then the nearest classes all the same, with
    the probabilities they would have if it were one of them. It is None where the picture cannot be used.
    """

    image: str
    predictions: list[Prediction] = field(default_factory=list)
    unknown: bool | None = None
    reason: str | None = None
    message: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the classification as plain values."""
        document = asdict(self)
        if self.reason is None:
            del document["reason"], document["message"]
        return document


@dataclass(frozen=True)
class ClassifyReport:
    """All images, in the order given, and what judged them.

    ``contradictory`` counts the labelled contents that were left out because their files carry different labels.
    """

    images: list[Classification]
    head: str
    space: str
    contradictory: int

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self) | {"images": [image.to_dict() for image in self.images]}


def classify(
    gallery: Gallery,
    images: Sequence[Any],
    sandbox: Sandbox,
    *,
    n: int = 5,
    head: str = DEFAULT_HEAD,
    space: str | None = None,
) -> ClassifyReport:
    """Name the ``n`` most probable labels of each image, in the order given; decoded as queries are.

    A picture that is in the index itself, by its SHA-256, is judged as if it were not: its label has no say.

    Raises:
        UsageRefused: no such head or space, fewer than two labels in the index, or scikit-learn is missing.
        WrongEncoder, StoreDamaged: the index cannot be trusted to answer.
    """
    if head not in HEADS:
        raise UsageRefused(f"there is no head {head!r}", f"take one of {', '.join(HEADS)}")
    with gallery.store.database.reading() as connection:
        gallery.follow(connection)
        chosen = _comparable(gallery.generation.space(space))
        labelled = read_labelled(connection, gallery.generation, chosen)
    classifier = _fit(labelled, head)
    entries, vectors = embed(gallery, images, sandbox, chosen)
    usable = [entry for entry in entries if entry.picture is not None]
    predictions = iter(_predict(classifier, labelled, usable, vectors, n))
    answers = [
        Classification(entry.name, *next(predictions))
        if entry.picture is not None
        else Classification(entry.name, reason=entry.reason, message=entry.message)
        for entry in entries
    ]
    return ClassifyReport(answers, head, chosen.name, labelled.contradictory)


def _comparable(space: Space) -> Space:
    if space.metric is not Metric.COSINE:
        raise UsageRefused(
            f"space {space.name!r} holds vectors that are not normalised, which classify cannot compare",
            "name another --space",
        )
    return space


def _fit(labelled: Labelled, head: str) -> Classifier:
    classes = set(labelled.labels)
    if not classes:
        raise UsageRefused("the index holds no labelled picture", _LABELS_HINT)
    if len(classes) == 1:
        raise UsageRefused(
            f"all {len(labelled.labels)} labelled pictures of the index are {classes.pop()!r}: there is nothing to "
            "choose between",
            _LABELS_HINT,
        )
    try:
        return Classifier(HEADS[head]()).fit(labelled.vectors, labelled.labels)
    except LibraryMissing as error:
        raise UsageRefused(f"--head {head}: {error}", "pip install 'siamese-index[classify]'") from error


def _predict(
    classifier: Classifier, labelled: Labelled, usable: Sequence[QueryImage], vectors: Float32, n: int
) -> list[tuple[list[Prediction], bool]]:
    """Predict each usable image: from outside the gallery, or as the member of it that has the same bytes."""
    support = Counter(labelled.labels)
    row_of = {sha256: row for row, sha256 in enumerate(labelled.sha256s)}
    members = [row_of.get(entry.sha256) if entry.sha256 else None for entry in usable]
    answers: list[tuple[list[Prediction], bool]] = []
    for row, vector in zip(members, vectors, strict=True):
        predicted = (
            classifier.predict(vector[np.newaxis])
            if row is None
            else classifier.predict_members(np.array([row]))
        )
        answers.append((_best(predicted, support, n), bool(predicted.unknown[0])))
    return answers


def _best(predicted: Predictions, support: Counter[str], n: int) -> list[Prediction]:
    """Name the most probable classes of the one query in ``predicted``; equal ones in alphabetical order."""
    probabilities = predicted.probabilities[0]
    return [
        Prediction(
            predicted.classes[column], float(probabilities[column]), support[predicted.classes[column]]
        )
        for column in np.argsort(-probabilities, kind="stable")[:n]
    ]
