from collections.abc import Callable

import numpy as np
import pytest

from retrieval.classification.calibration import fit_temperature, softmax
from retrieval.classification.classifier import Classifier
from retrieval.classification.head import Head
from retrieval.classification.linear import LinearSvm, Logistic
from retrieval.classification.neighbours import NearestNeighbours
from retrieval.classification.novelty import unknown_threshold
from retrieval.classification.prototypes import Prototypes
from tests.retrieval.classes import gaussian_classes

HEADS: list[Callable[[], Head]] = [NearestNeighbours, Prototypes, LinearSvm, Logistic]
OVERLAPPING = {"ant": 60, "bee": 60, "cat": 60, "dog": 60, "eel": 60}
APART = {"ant": 60, "bee": 60, "cat": 60}


def calibration_error(probabilities: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error of the most probable class, over 15 bins (Guo et al., ICML 2017)."""
    bins = np.minimum((probabilities * 15).astype(int), 14)
    return sum(
        abs(right[bins == b].mean() - probabilities[bins == b].mean()) * (bins == b).mean() for b in set(bins)
    )


def negative_log_likelihood(scores: np.ndarray, targets: np.ndarray, temperature: float) -> float:
    return float(-np.log(softmax(scores, temperature)[np.arange(len(targets)), targets]).mean())


@pytest.mark.parametrize("make", HEADS)
def test_a_probability_comes_true_as_often_as_it_says(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes(OVERLAPPING, spread=1.2)
    queries, truth = gaussian_classes(dict.fromkeys(OVERLAPPING, 600), spread=1.2, seed=1)
    classifier = Classifier(make()).fit(vectors, labels)
    probabilities = classifier.predict(queries).probabilities
    raw = softmax(classifier.head.predict_scores(queries), 1.0)
    best = probabilities.argmax(axis=1)
    right = np.array(classifier.head.classes)[best] == truth
    assert 0.6 < right.mean() < 0.95
    error = calibration_error(probabilities.max(axis=1), right)
    assert error < 0.04
    assert error < calibration_error(raw.max(axis=1), right)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_temperature_is_the_one_of_the_largest_likelihood() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(4000, 4))
    drawn = softmax(scores, 0.4).cumsum(axis=1)
    targets = (generator.random((4000, 1)) > drawn).sum(axis=1)
    found = fit_temperature(scores, targets)
    tried = np.geomspace(0.1, 2, 400)
    best = tried[np.argmin([negative_log_likelihood(scores, targets, t) for t in tried])]
    assert found == pytest.approx(best, rel=0.02)
    assert found == pytest.approx(0.4, rel=0.1)


def test_a_small_gallery_without_an_error_is_no_ground_for_certainty() -> None:
    scores = np.array([[0.9, 0.1], [0.1, 0.9]])
    few, many = (fit_temperature(np.tile(scores, (n, 1)), np.tile([0, 1], n)) for n in (2, 200))
    assert few is not None
    assert many is not None
    assert softmax(scores, few)[0, 0] == pytest.approx(1 - 1 / 6, abs=1e-3)
    assert softmax(scores, many)[0, 0] == pytest.approx(1 - 1 / 402, abs=1e-3)


def test_rows_that_say_nothing_do_not_count_for_the_temperature() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.3], [-np.inf, 0.5, 0.4], [0.3, -np.inf, -np.inf]])
    targets = np.array([0, 1, 0, 0])
    assert fit_temperature(scores, targets) == fit_temperature(scores[:2], targets[:2])
    assert fit_temperature(scores[2:], targets[2:]) is None


@pytest.mark.parametrize("make", HEADS)
def test_pictures_of_a_class_that_is_not_there_are_unknown_and_most_others_are_not(
    make: Callable[[], Head],
) -> None:
    vectors, labels = gaussian_classes(APART, spread=0.4)
    queries, truth = gaussian_classes(APART, spread=0.4, seed=1)
    known = np.array(labels) != "cat"
    classifier = Classifier(make()).fit(vectors[known], [label for label in labels if label != "cat"])
    unknown = classifier.predict(queries).unknown
    absent = np.array(truth) == "cat"
    assert unknown[absent].mean() > 0.95
    assert unknown[~absent].mean() < 0.12
    assert Classifier(make()).fit(vectors, labels).predict(queries).unknown[absent].mean() < 0.12


@pytest.mark.parametrize("make", HEADS)
def test_of_the_gallerys_own_pictures_at_most_the_quantile_is_unknown(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes(OVERLAPPING, spread=0.8)
    rows = np.arange(len(labels))
    for quantile in (0.01, 0.05, 0.2):
        classifier = Classifier(make(), quantile).fit(vectors, labels)
        assert classifier.predict_members(rows).unknown.mean() <= quantile


def test_the_threshold_is_a_quantile_of_scores_with_the_own_class() -> None:
    held_out = np.array([[0.9, 0.2], [0.7, 0.8], [0.1, 0.6], [0.3, -np.inf]])
    targets = np.array([0, 0, 1, 1])
    assert unknown_threshold(held_out, targets, 0.0) == 0.6
    assert unknown_threshold(held_out, targets, 0.4) == 0.6
    assert unknown_threshold(held_out, targets, 0.5) == 0.7
    assert unknown_threshold(held_out, targets, 1.0) == 0.9


def test_neighbours_call_unknown_what_is_far_whatever_the_sizes_of_the_classes() -> None:
    vectors, labels = gaussian_classes({"ant": 400, "bee": 20}, spread=0.8)
    queries, truth = gaussian_classes({"ant": 200, "bee": 200, "cat": 200}, spread=0.8, seed=1)
    classifier = Classifier(NearestNeighbours()).fit(vectors, labels)
    nearest = NearestNeighbours(balanced=False).fit(vectors, labels)
    assert list(classifier.predict(queries).unknown) == list(
        nearest.predict_scores(queries).max(axis=1) < classifier.threshold
    )
    own = nearest.held_out_scores(np.arange(420))[np.arange(420), [int(label == "bee") for label in labels]]
    assert classifier.threshold == np.sort(own)[int(0.05 * 419)]
    assert classifier.predict(queries).unknown[np.array(truth) == "cat"].mean() > 0.9


def test_with_one_picture_a_class_a_query_must_be_nearer_than_the_classes_are_to_each_other() -> None:
    known, others = ([f"{kind} {number}" for number in range(60)] for kind in ("known", "other"))
    vectors, labels = gaussian_classes(dict.fromkeys(known, 1), spread=0.0, dim=64)
    near, _ = gaussian_classes(dict.fromkeys(known, 3), spread=0.2, dim=64)
    strangers, _ = gaussian_classes(dict.fromkeys(others, 3), spread=0.2, dim=64)
    classifier = Classifier(Prototypes()).fit(vectors, labels)
    assert classifier.temperature == Prototypes.temperature
    assert not classifier.predict(near).unknown.any()
    assert classifier.predict(strangers).unknown.mean() > 0.85
    assert classifier.predict_members(np.arange(60)).unknown.mean() >= 0.95


def test_of_two_pictures_each_is_a_stranger_to_the_other() -> None:
    vectors, labels = gaussian_classes({"bee": 1, "cat": 1}, spread=0.3)
    classifier = Classifier(NearestNeighbours()).fit(vectors, labels)
    assert classifier.threshold == pytest.approx(vectors[0] @ vectors[1], abs=1e-6)
    assert not classifier.predict(vectors).unknown.any()
    assert classifier.predict_members(np.arange(2)).unknown.all()


@pytest.mark.parametrize("make", HEADS)
def test_a_picture_of_the_gallery_has_no_say_in_its_own_class(make: Callable[[], Head]) -> None:
    vectors, labels = gaussian_classes(APART, spread=0.3)
    wrong = ["bee", *labels[1:]]
    row = np.array([0])
    classifier = Classifier(make()).fit(vectors, wrong)
    predictions = classifier.predict_members(row)
    assert predictions.classes[predictions.probabilities[0].argmax()] == "ant"


def test_a_large_gallery_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = gaussian_classes(OVERLAPPING, spread=1.0)
    whole = Classifier(Prototypes()).fit(vectors, labels)
    monkeypatch.setattr("retrieval.classification.classifier._HELD_OUT", 200)
    sampled = Classifier(Prototypes()).fit(vectors, labels)
    assert sampled.temperature != whole.temperature
    assert sampled.temperature == pytest.approx(whole.temperature, rel=0.15)
    assert sampled.threshold == pytest.approx(whole.threshold, abs=0.05)
