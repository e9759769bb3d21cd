import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from retrieval.classification.head import Head
from retrieval.classification.linear import FOLDS, LinearSvm, Logistic, stratified_folds
from retrieval.classification.neighbours import NearestNeighbours
from retrieval.classification.prototypes import Prototypes
from retrieval.errors import LabelsInvalid, LibraryMissing, VectorsInvalid
from tests.retrieval.classes import gaussian_classes

SIZES = {"ant": 1, "bee": 3, "cat": 40, "dog": 7}
HEADS: list[Callable[[], Head]] = [NearestNeighbours, Prototypes, LinearSvm, Logistic]
INSTANCE_BASED: list[Callable[[], Head]] = [NearestNeighbours, Prototypes]


def loop_neighbours(
    query: np.ndarray, vectors: np.ndarray, labels: list[str], k: int, balanced: bool
) -> list[float]:
    """The weights of each class's k largest cosines, by the number of its pictures or of its votes."""
    scores = []
    for class_ in sorted(SIZES):
        own = [float(query @ v) for v, label in zip(vectors, labels, strict=True) if label == class_]
        nearest = sorted(own, reverse=True)[:k]
        mean = sum(np.exp(cosine / 0.07) for cosine in nearest) / len(own if balanced else nearest)
        scores.append(0.07 * np.log(mean))
    return scores


def loop_prototypes(query: np.ndarray, vectors: np.ndarray, labels: list[str]) -> list[float]:
    """The cosine with each class's mean."""
    scores = []
    for class_ in sorted(SIZES):
        own = [v for v, label in zip(vectors, labels, strict=True) if label == class_]
        mean = sum(own) / len(own) if own else None
        scores.append(-np.inf if mean is None else float(query @ mean / np.linalg.norm(mean)))
    return scores


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("k", [1, 3, 5, 100])
def test_neighbours_score_as_a_plain_loop_does(k: int, balanced: bool) -> None:
    vectors, labels = gaussian_classes(SIZES, spread=0.6)
    queries, _ = gaussian_classes(SIZES, spread=0.6, seed=1)
    head = NearestNeighbours(k, balanced=balanced).fit(vectors, labels)
    expected = [loop_neighbours(query, vectors, labels, k, balanced) for query in queries]
    np.testing.assert_allclose(head.predict_scores(queries), expected, atol=1e-5)


def test_prototypes_score_as_a_plain_loop_does() -> None:
    vectors, labels = gaussian_classes(SIZES, spread=0.6)
    queries, _ = gaussian_classes(SIZES, spread=0.6, seed=1)
    head = Prototypes().fit(vectors, labels)
    expected = [loop_prototypes(query, vectors, labels) for query in queries]
    np.testing.assert_allclose(head.predict_scores(queries), expected, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        NearestNeighbours,
        lambda: NearestNeighbours(1),
        lambda: NearestNeighbours(balanced=False),
        lambda: NearestNeighbours(1, balanced=False),
        Prototypes,
    ],
)
def test_leaving_a_picture_out_is_having_a_gallery_without_it(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes(SIZES, spread=0.6)
    head = make().fit(vectors, labels)
    held_out = head.held_out_scores(np.arange(len(labels)))
    for row in range(len(labels)):
        rest = np.arange(len(labels)) != row
        without = make().fit(vectors[rest], [label for label, kept in zip(labels, rest, strict=True) if kept])
        columns = [head.classes.index(class_) for class_ in without.classes]
        np.testing.assert_allclose(
            held_out[row, columns], without.predict_scores(vectors[row : row + 1])[0], atol=1e-5
        )
        assert np.isneginf(np.delete(held_out[row], columns)).all()


def test_rows_may_be_held_out_in_any_order_and_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = gaussian_classes(SIZES, spread=0.6)
    head = NearestNeighbours().fit(vectors, labels)
    rows = np.array([7, 50, 0, 7, 12])
    whole = head.held_out_scores(np.arange(len(labels)))
    monkeypatch.setattr("retrieval.classification.neighbours._CELLS", 2 * len(labels))
    np.testing.assert_allclose(head.held_out_scores(rows), whole[rows], atol=1e-6)


@pytest.mark.parametrize("make", INSTANCE_BASED)
def test_a_class_comes_and_goes_without_touching_the_others(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes({"bee": 6, "cat": 9}, spread=0.4)
    new, new_labels = gaussian_classes({"dog": 4}, spread=0.4)
    queries, _ = gaussian_classes({"dog": 20}, spread=0.4, seed=1)
    before = make().fit(vectors, labels)
    after = make().fit(np.concatenate([new, vectors]), new_labels + labels)
    assert (before.classes, after.classes) == (("bee", "cat"), ("bee", "cat", "dog"))
    assert (after.predict_scores(queries).argmax(axis=1) == 2).mean() > 0.9
    np.testing.assert_allclose(
        after.predict_scores(queries)[:, :2], before.predict_scores(queries), atol=1e-6
    )


@pytest.mark.parametrize("make", HEADS)
def test_a_large_class_does_not_win_by_its_number(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes({"cat": 400, "dog": 10}, spread=1.8)
    queries, truth = gaussian_classes({"cat": 100, "dog": 100}, spread=1.8, seed=1)
    head = make().fit(vectors, labels)
    predicted = [head.classes[column] for column in head.predict_scores(queries).argmax(axis=1)]
    right = [p == t for p, t in zip(predicted, truth, strict=True)]
    assert np.mean(right[100:]) > 0.75


@pytest.mark.parametrize("make", HEADS)
def test_the_length_of_a_vector_does_not_matter(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes(SIZES, spread=0.6)
    plain = make().fit(vectors, labels).predict_scores(vectors)
    longer = make().fit(3 * vectors, labels).predict_scores(7 * vectors)
    np.testing.assert_allclose(longer, plain, atol=1e-4)


@pytest.mark.parametrize("make", [LinearSvm, Logistic])
@pytest.mark.parametrize("sizes", [{"bee": 20, "cat": 20}, SIZES, {"bee": 1, "cat": 1}, {"bee": 1, "cat": 9}])
def test_a_linear_head_scores_every_picture_held_out_whatever_the_sizes(
    make: Callable[[], Head], sizes: dict[str, int]
) -> None:
    vectors, labels = gaussian_classes(sizes, spread=0.3)
    head = make().fit(vectors, labels)
    held_out = head.held_out_scores(np.arange(len(labels)))
    assert not np.isneginf(held_out).all(axis=1).any()
    for row, label in enumerate(labels):
        own = held_out[row, head.classes.index(label)]
        assert np.isneginf(own) == (sizes[label] == 1)


@pytest.mark.parametrize("make", [LinearSvm, Logistic])
def test_a_held_out_picture_is_judged_by_the_others_alone(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes({"bee": 20, "cat": 20}, spread=0.3)
    head = make().fit(vectors, ["cat", *labels[1:]])
    assert head.classes[head.held_out_scores(np.array([0]))[0].argmax()] == "bee"


def test_folds_share_every_class_out_evenly() -> None:
    targets = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [1, 5, 23, 40]))
    folds = stratified_folds(targets)
    for class_ in range(4):
        counts = np.bincount(folds[targets == class_], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("make", HEADS)
def test_labels_and_vectors_that_cannot_be_meant_are_refused(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes({"bee": 3, "cat": 3}, spread=0.3)
    with pytest.raises(LabelsInvalid, match="6 vectors need as many labels, got 5"):
        make().fit(vectors, labels[:5])
    with pytest.raises(LabelsInvalid, match="two classes at least, got 1"):
        make().fit(vectors, ["bee"] * 6)
    with pytest.raises(VectorsInvalid, match="NaN"):
        make().fit(np.full((6, 2), np.nan, np.float32), labels)
    with pytest.raises(VectorsInvalid, match="shape"):
        make().fit(vectors[0], labels)


def test_a_linear_head_without_its_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    vectors, labels = gaussian_classes({"bee": 3, "cat": 3}, spread=0.3)
    with pytest.raises(LibraryMissing, match="needs scikit-learn"):
        Logistic().fit(vectors, labels)


def test_classes_are_named_in_alphabetical_order() -> None:
    vectors, labels = gaussian_classes({"b": 2, "a": 2, "Z": 2}, spread=0.3)
    classes = Prototypes().fit(vectors, labels).classes
    assert all(first < second for first, second in pairwise(classes))
